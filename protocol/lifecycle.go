package protocol

// Empty is the params or result of a method that has none.
type Empty struct{}

// InitializeParams opens the conversation.
type InitializeParams struct {
	// ProtocolVersion is the client's Version, such as "1.0".
	ProtocolVersion string `json:"protocolVersion"`
	// ClientInfo names the editor.
	ClientInfo ClientInfo `json:"clientInfo"`
	// ProcessID is the editor's process; the server ends when that process has. 0: not watched.
	ProcessID int `json:"processId,omitempty"`
	// WorkspaceFolders are absolute paths.
	WorkspaceFolders []string `json:"workspaceFolders,omitempty"`
	// Kubeconfig overrides KUBECONFIG and the default path.
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// Capabilities tells what the client can take.
	Capabilities ClientCapabilities `json:"capabilities"`
}

// ClientInfo names a program and its version.
type ClientInfo struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// ClientCapabilities tells what the client can take. All are additive.
type ClientCapabilities struct {
	// WorkDoneProgress: the client shows $/progress.
	WorkDoneProgress bool `json:"workDoneProgress,omitempty"`
}

// InitializeResult tells what this server can do.
type InitializeResult struct {
	ProtocolVersion string             `json:"protocolVersion"`
	ServerInfo      ClientInfo         `json:"serverInfo"`
	Capabilities    ServerCapabilities `json:"capabilities"`
}

// ServerCapabilities tells what this server can do here.
type ServerCapabilities struct {
	// Adapters are the debug types that can be proxied or launched, such as "go".
	Adapters []string `json:"adapters"`
	// Sandbox tells what a debuggee runs in on this machine.
	Sandbox SandboxInfo `json:"sandbox"`
}

// SandboxInfo tells how true to the pod the sandbox is on this machine.
type SandboxInfo struct {
	// Mode is "loopback" or "namespaces".
	Mode string `json:"mode"`
	// Reason says why it is not the most faithful mode, absent when it is.
	Reason string `json:"reason,omitempty"`
	// Limits are sentences about what does not work in this mode.
	Limits []string `json:"limits,omitempty"`
}

// ProgressToken ties $/progress to the request that carries it as workDoneToken.
type ProgressToken = string

// ProgressParams reports one step of a long request.
type ProgressParams struct {
	Token ProgressToken `json:"token"`
	Value ProgressValue `json:"value"`
}

// ProgressValue is one report: kind "begin", "report" or "end".
type ProgressValue struct {
	Kind string `json:"kind"`
	// Stage is the step that has begun (report) or the last one (end).
	Stage Stage `json:"stage,omitempty"`
	// Message is for a person.
	Message string `json:"message,omitempty"`
	// ElapsedMillis counts from the request's start.
	ElapsedMillis int64 `json:"elapsedMillis"`
}

// LogMessageParams is one line for the editor's output channel.
type LogMessageParams struct {
	// Level is "debug", "info", "warn" or "error".
	Level   string `json:"level"`
	Message string `json:"message"`
}
