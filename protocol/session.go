package protocol

import (
	"encoding/json"
	"time"
)

// Target is the Service to debug.
type Target struct {
	// Context of the kubeconfig; "" = the current one.
	Context string `json:"context,omitempty"`
	// Namespace; "" = the context's own.
	Namespace string `json:"namespace,omitempty"`
	Service   string `json:"service"`
	// Port is the Service's port by name or number; "" = its only port, or each that the debuggee listens on.
	Port string `json:"port,omitempty"`
	// LocalPort is where the debuggee listens; 0 = the resolved target port.
	LocalPort int `json:"localPort,omitempty"`
	// Inherit tells whether the app's environment, files and identity are wanted; absent = yes.
	Inherit *bool `json:"inherit,omitempty"`
	// Forwards are ways into the cluster for programs beside the debuggee, for as long as the session lasts.
	Forwards []Forward `json:"forwards,omitempty"`
	// ViaCluster are addresses, ranges (CIDR) and domains that are reached from the pod
	// although they don't seem to be the cluster's: a partner's network, for instance.
	ViaCluster []string `json:"viaCluster,omitempty"`
	// ViaWorkstation are those that are reached from the workstation, by its own resolver
	// and network, although they seem to be the cluster's: a VPN's private range. Where
	// both lists name a host, the closer entry counts.
	ViaWorkstation []string `json:"viaWorkstation,omitempty"`
	// LeaseSeconds is how long the session outlives its connection to the cluster, on a laptop that
	// sleeps, say; 5 to 3600, 0 = 60. The origin serves meanwhile.
	LeaseSeconds int `json:"leaseSeconds,omitempty"`
}

// Forward is a listener on the workstation's 127.0.0.1.
type Forward struct {
	LocalPort int `json:"localPort"`
	// Address is "host:port" as the pod would name it: "prices:80", "db.data:5432".
	Address string `json:"address"`
}

// WantsInherit tells whether the app's environment is asked for (the default).
func (t Target) WantsInherit() bool { return t.Inherit == nil || *t.Inherit }

// Bounds of Target.LeaseSeconds, and what 0 stands for.
const (
	MinLeaseSeconds, MaxLeaseSeconds = 5, 3600
	DefaultLeaseSeconds              = 60
)

// Lease is LeaseSeconds as a duration, the default where it is 0.
func (t Target) Lease() time.Duration {
	if t.LeaseSeconds == 0 {
		return DefaultLeaseSeconds * time.Second
	}
	return time.Duration(t.LeaseSeconds) * time.Second
}

// Kind tells what a session runs.
type Kind string

// The kinds of session.
const (
	// KindDebug: a debug adapter, spoken to at the session's DAP endpoint.
	KindDebug Kind = "debug"
	// KindProcess: a command without a debugger.
	KindProcess Kind = "process"
	// KindOutside: a program that the editor starts itself, on the workstation.
	KindOutside Kind = "outside"
)

// Mode tells where a session's debug adapter lives.
type Mode string

// The modes of a debug session.
const (
	// ModeProxy: tunnel-server starts the adapter and proxies DAP.
	ModeProxy Mode = "proxy"
	// ModeLauncher: the adapter lives in the editor and launches its debuggee through tunnel-server.
	ModeLauncher Mode = "launcher"
)

// ResolveSessionParams asks what to launch.
type ResolveSessionParams struct {
	Target Target `json:"target"`
	// Launch is an editor's launch configuration: {"type": "go", "request": "launch", …}.
	Launch json.RawMessage `json:"launch,omitempty"`
	// Command, instead of Launch, is a program as one would run it, for an editor that attaches
	// its debugger. Where Expose names a port, the debug server is to listen there.
	Command *Command `json:"command,omitempty"`
	// ID is the one with which the session will be started. Where the adapter lives in the
	// editor (mode launcher) the result's Launch joins that session, and without an ID it
	// is as it was, but for its checks.
	ID string `json:"id,omitempty"`
	// Folder is the workspace folder of the configuration, for relative paths and ${workspaceFolder};
	// "" = the folder in which the server was started.
	Folder string `json:"folder,omitempty"`
}

// ResolveSessionResult tells what to launch.
type ResolveSessionResult struct {
	Kind Kind `json:"kind"`
	Mode Mode `json:"mode,omitempty"`
	// Adapter is the registry's entry, such as "go".
	Adapter string `json:"adapter,omitempty"`
	// Launch is the configuration to launch, to be passed to session/start.
	Launch json.RawMessage `json:"launch,omitempty"`
	// Command starts the program with its debug server, and exposes that's port; to be passed to session/start.
	Command *Command `json:"command,omitempty"`
	// Diagnostics are about the configuration itself.
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
}

// PreflightParams asks what could go wrong with this target and configuration.
type PreflightParams struct {
	Target Target          `json:"target"`
	Launch json.RawMessage `json:"launch,omitempty"`
	// Folder is as in session/resolve.
	Folder string `json:"folder,omitempty"`
}

// PreflightResult lists what was found; errors first.
type PreflightResult struct {
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Severity of a diagnostic.
type Severity string

// Severities: an error makes session/start fail.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Diagnostic is one finding, with what to do about it.
type Diagnostic struct {
	Severity Severity   `json:"severity"`
	Code     ErrorCode  `json:"code"`
	Message  string     `json:"message"`
	Object   *ObjectRef `json:"object,omitempty"`
	Fix      *Fix       `json:"fix,omitempty"`
	// Field is the path in target or launch that it is about, such as "target.port".
	Field string `json:"field,omitempty"`
}

// StartSessionParams starts a session. Exactly one of Launch, Command and Outside is set.
type StartSessionParams struct {
	// ID is made by the client; starting the same ID twice is the same session.
	ID     string `json:"id"`
	Target Target `json:"target"`
	// Launch is a debug session's launch configuration.
	Launch json.RawMessage `json:"launch,omitempty"`
	// Folder is as in session/resolve.
	Folder string `json:"folder,omitempty"`
	// Command is a process session's command.
	Command *Command `json:"command,omitempty"`
	// ShowsErrors: the client shows the error of a session that fails, which session/didChange
	// tells, with what to do about it; its debugger need not show it too.
	ShowsErrors bool `json:"showsErrors,omitempty"`
	// Outside: the editor starts the program itself, on the workstation, for its debugger can't be
	// moved nor told another command line. It gives the program the variables of session/environment
	// and tells its process by session/join. The sandbox is of mode loopback.
	Outside bool `json:"outside,omitempty"`
	// WorkDoneToken asks for $/progress.
	WorkDoneToken ProgressToken `json:"workDoneToken,omitempty"`
}

// Command is a program to run without a debugger.
type Command struct {
	Args []string `json:"args"`
	// Cwd is absolute; "" = the server's.
	Cwd string `json:"cwd,omitempty"`
	// Env is added to the workstation's and the pod's; null removes a variable.
	Env map[string]*string `json:"env,omitempty"`
	// Expose are ports on which the program's own debug server listens (JDWP, --inspect,
	// dlv --headless, debugpy --listen): each gets one on the workstation's 127.0.0.1,
	// of the same number where that is free, see SessionInfo.Exposed.
	Expose []int `json:"expose,omitempty"`
}

// Endpoint is where to reach a session's DAP side.
type Endpoint struct {
	// Network is "unix" (a path) or "pipe" (a Windows named pipe).
	Network string `json:"network"`
	Address string `json:"address"`
}

// StartSessionResult tells the session's state and where its debugger is.
type StartSessionResult struct {
	Session SessionInfo `json:"session"`
	// DAP is absent for process sessions, and where the adapter lives in the editor, which
	// launches the resolved configuration itself and stops the session at its end.
	DAP *Endpoint `json:"dap,omitempty"`
}

// State of a session.
type State string

// The states of a session, in the order in which they come.
const (
	// StateStarting: preflight, intercept, sandbox, agent.
	StateStarting State = "starting"
	// StateReady: all is set up; the Service is switched when the debuggee listens.
	StateReady State = "ready"
	// StateLive: the Service's new connections reach the debuggee.
	StateLive State = "live"
	// StateWaiting: the Service is switched, nobody listens; the origin serves.
	StateWaiting State = "waiting"
	// StateReconnecting: the tunnel is cut; the origin serves.
	StateReconnecting State = "reconnecting"
	// StateStopping: being undone.
	StateStopping State = "stopping"
	// StateEnded: the Service is back, nothing is left.
	StateEnded State = "ended"
	// StateFailed: ended by an error, see Error.
	StateFailed State = "failed"
)

// Stage is a step of a session's start or end.
type Stage string

// The stages, in the order of a start.
const (
	StagePreflight   Stage = "preflight"
	StageSandbox     Stage = "sandbox"
	StageIntercept   Stage = "intercept"
	StageAgent       Stage = "agent"
	StageTunnel      Stage = "tunnel"
	StageEnvironment Stage = "environment"
	StageDebugger    Stage = "debugger"
	StageListen      Stage = "listen"
	StageSwitch      Stage = "switch"
	StageDrain       Stage = "drain"
	StageRestore     Stage = "restore"
)

// StageTime is one stage with its times since the session's start.
type StageTime struct {
	Stage       Stage `json:"stage"`
	BeganMillis int64 `json:"beganMillis"`
	// EndedMillis is 0 while it runs.
	EndedMillis int64 `json:"endedMillis,omitempty"`
}

// SessionParams names a session.
type SessionParams struct {
	ID string `json:"id"`
}

// SessionInfo is the state of a session.
type SessionInfo struct {
	ID     string `json:"id"`
	Kind   Kind   `json:"kind"`
	Target Target `json:"target"`
	State  State  `json:"state"`
	// Reason says in a sentence why it is in that state.
	Reason string      `json:"reason,omitempty"`
	Stages []StageTime `json:"stages,omitempty"`
	// Ports is what is mapped.
	Ports []PortMapping `json:"ports,omitempty"`
	// Intercept is the name of the object in the cluster.
	Intercept string `json:"intercept,omitempty"`
	// Carrier is how the tunnel goes through the API server at present.
	Carrier Carrier `json:"carrier,omitempty"`
	// Sandbox tells what the session's processes run in, once it is made.
	Sandbox *SandboxInfo `json:"sandbox,omitempty"`
	// Exposed are the ports of the program that can be reached on the workstation.
	Exposed []ExposedPort `json:"exposed,omitempty"`
	// Warnings are preflight findings and limits of the sandbox that hold for this session.
	Warnings []string `json:"warnings,omitempty"`
	Error    *Error   `json:"error,omitempty"`
	Receipt  *Receipt `json:"receipt,omitempty"`
	// ExitCode is the debuggee's, once it has ended and it is known.
	ExitCode *int `json:"exitCode,omitempty"`
}

// ExposedPort is a port of the session's program that this user's programs on the
// workstation reach at 127.0.0.1, LocalPort.
type ExposedPort struct {
	Port      int `json:"port"`
	LocalPort int `json:"localPort"`
	// Listening: the program listens, so that its debugger can attach.
	Listening bool `json:"listening,omitempty"`
}

// Carrier is a way through the API server to the agent.
type Carrier string

// The ways. By proxy the API server connects to the agent's address; by
// port-forward the agent's kubelet does it, which is slower but works with every network.
const (
	CarrierProxy       Carrier = "proxy"
	CarrierPortForward Carrier = "port-forward"
)

// PortMapping is one port of the Service and where it goes.
type PortMapping struct {
	Name        string `json:"name,omitempty"`
	ServicePort int    `json:"servicePort"`
	TargetPort  int    `json:"targetPort"`
	LocalPort   int    `json:"localPort"`
	Protocol    string `json:"protocol"`
}

// StopSessionResult is the session's end.
type StopSessionResult struct {
	Session SessionInfo `json:"session"`
}

// Receipt tells how the Service was left.
type Receipt struct {
	// Restored: the Service equals what it was before the session.
	Restored bool `json:"restored"`
	// Differences are sentences, when it does not.
	Differences []string `json:"differences,omitempty"`
	// Traffic is what the session served.
	Traffic Traffic `json:"traffic"`
	// Cut counts connections that had to be closed at the end.
	Cut int64 `json:"cut"`
	// StopMillis is the time from the stop until the origin took new connections again.
	StopMillis int64 `json:"stopMillis"`
}

// Traffic counts what reached the session.
type Traffic struct {
	// Connections that the workstation took; Origin, those passed on to the origin by the agent.
	Connections int64 `json:"connections"`
	Origin      int64 `json:"origin"`
	// Requests that the workstation took: those of HTTP, which goes there request by request.
	Requests int64 `json:"requests"`
	// Active is what is under way at the workstation: requests, and connections of other protocols.
	Active   int64 `json:"active"`
	BytesIn  int64 `json:"bytesIn"`
	BytesOut int64 `json:"bytesOut"`
}

// SessionEnvironmentParams asks for the environment of a program that is to be started.
type SessionEnvironmentParams struct {
	ID string `json:"id"`
	// Env are the user's own variables for the program; null removes one. They come before the pod's.
	Env map[string]*string `json:"env,omitempty"`
}

// SessionEnvironmentResult is how the program's environment is to differ from the server's own.
type SessionEnvironmentResult struct {
	// Env are the variables to set; null removes one.
	Env map[string]*string `json:"env"`
}

// JoinSessionParams names a process of this user on the workstation.
type JoinSessionParams struct {
	ID        string `json:"id"`
	ProcessID int    `json:"processId"`
}

// ListSessionsResult answers session/list.
type ListSessionsResult struct {
	Sessions []SessionInfo `json:"sessions"`
}

// SessionOutputParams is text written by or about a session.
type SessionOutputParams struct {
	ID string `json:"id"`
	// Category is "stdout", "stderr" or "console".
	Category string `json:"category"`
	Output   string `json:"output"`
}
