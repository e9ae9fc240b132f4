package protocol

import "context"

// Server is what an editor may ask of tunnel-server. Each method's directive
// names its JSON-RPC method and whether it is a request or a notification.
type Server interface {
	// Initialize opens the conversation. It is the first request, sent once;
	// any other request before it fails with CodeServerNotInitialized.
	//
	//rpc:request initialize
	Initialize(ctx context.Context, params *InitializeParams) (*InitializeResult, error)

	// Initialized tells that the client has taken in the result of initialize.
	//
	//rpc:notification initialized
	Initialized(ctx context.Context, params *Empty) error

	// Shutdown ends every session (each Service is back when it answers) and
	// makes the server ready for exit.
	//
	//rpc:request shutdown
	Shutdown(ctx context.Context, params *Empty) (*Empty, error)

	// Exit ends the process: with code 0 after shutdown, with 1 otherwise.
	//
	//rpc:notification exit
	Exit(ctx context.Context, params *Empty) error

	// ListContexts lists the contexts of the kubeconfig. With "unless" it waits for a change of its files.
	//
	//rpc:request cluster/contexts
	ListContexts(ctx context.Context, params *ListContextsParams) (*ListContextsResult, error)

	// ListNamespaces lists the namespaces; to a user who may not list them, the context's own. With
	// "unless" it waits for a change.
	//
	//rpc:request cluster/namespaces
	ListNamespaces(ctx context.Context, params *ListNamespacesParams) (*ListNamespacesResult, error)

	// ListServices lists the Services of a namespace with their ports, the
	// workload behind each and who intercepts it. With "unless" it waits for a
	// change: an editor that asks anew after each answer shows the cluster as it is.
	//
	//rpc:request cluster/services
	ListServices(ctx context.Context, params *ListServicesParams) (*ListServicesResult, error)

	// EndIntercept ends an intercept of the asking user, whichever program has started it, and puts
	// the Service back. A Service that nobody intercepts is left as it is.
	//
	//rpc:request cluster/endIntercept
	EndIntercept(ctx context.Context, params *EndInterceptParams) (*Empty, error)

	// OperatorStatus tells which operator the cluster has.
	//
	//rpc:request operator/status
	OperatorStatus(ctx context.Context, params *OperatorParams) (*OperatorStatusResult, error)

	// InstallOperator installs the operator, or upgrades it to this server's version.
	//
	//rpc:request operator/install
	InstallOperator(ctx context.Context, params *InstallOperatorParams) (*OperatorStatusResult, error)

	// UninstallOperator ends all intercepts, waits until their Services are back, and removes the operator.
	//
	//rpc:request operator/uninstall
	UninstallOperator(ctx context.Context, params *OperatorParams) (*Empty, error)

	// SuggestSession tells how the program that a file belongs to could be debugged as a target: for an
	// editor without a launch configuration. It changes nothing.
	//
	//rpc:request session/suggest
	SuggestSession(ctx context.Context, params *SuggestSessionParams) (*SuggestSessionResult, error)

	// ResolveSession tells what to launch for a launch configuration as people
	// write it: the configuration of a proxied session or of a process. It changes nothing.
	//
	//rpc:request session/resolve
	ResolveSession(ctx context.Context, params *ResolveSessionParams) (*ResolveSessionResult, error)

	// Preflight finds every cause of failure that can be known before launch. It changes nothing.
	//
	//rpc:request session/preflight
	Preflight(ctx context.Context, params *PreflightParams) (*PreflightResult, error)

	// StartSession starts a session: intercept, sandbox and debugger. It is
	// idempotent by ID. It answers when the intercept is accepted and the DAP
	// endpoint listens; session/didChange tells the rest. Cancelling the request
	// ends the session.
	//
	//rpc:request session/start
	StartSession(ctx context.Context, params *StartSessionParams) (*StartSessionResult, error)

	// SessionEnvironment waits until the session has become the pod, and tells the environment for a
	// program that the editor starts itself.
	//
	//rpc:request session/environment
	SessionEnvironment(ctx context.Context, params *SessionEnvironmentParams) (*SessionEnvironmentResult, error)

	// JoinSession makes a process that the editor has started one of a session that was started with
	// "outside", together with all that it starts: calls go to where they listen. The process stays
	// the editor's; the session ends with session/stop.
	//
	//rpc:request session/join
	JoinSession(ctx context.Context, params *JoinSessionParams) (*Empty, error)

	// StopSession ends a session and answers with its receipt when the Service is
	// back. Stopping an ended session answers with the same receipt again.
	//
	//rpc:request session/stop
	StopSession(ctx context.Context, params *SessionParams) (*StopSessionResult, error)

	// RestartSession starts the debuggee again; the intercept stays.
	//
	//rpc:request session/restart
	RestartSession(ctx context.Context, params *SessionParams) (*Empty, error)

	// ListSessions lists this server's sessions, ended ones included for a while.
	//
	//rpc:request session/list
	ListSessions(ctx context.Context, params *Empty) (*ListSessionsResult, error)

	// SessionTraffic tells what has reached the session so far.
	//
	//rpc:request session/traffic
	SessionTraffic(ctx context.Context, params *SessionParams) (*Traffic, error)
}

// Client is what tunnel-server may tell its editor.
type Client interface {
	// SessionDidChange tells the new state of a session, each time it changes.
	//
	//rpc:notification session/didChange
	SessionDidChange(ctx context.Context, params *SessionInfo) error

	// SessionOutput carries what a session of kind "process" writes, and messages about any session.
	//
	//rpc:notification session/output
	SessionOutput(ctx context.Context, params *SessionOutputParams) error

	// Progress reports on a request that carries a workDoneToken.
	//
	//rpc:notification $/progress
	Progress(ctx context.Context, params *ProgressParams) error

	// LogMessage is for the editor's output channel.
	//
	//rpc:notification window/logMessage
	LogMessage(ctx context.Context, params *LogMessageParams) error
}
