package protocol

import "fmt"

// ErrorCode numbers every error that a user may see. Codes never change their meaning.
type ErrorCode int

// JSON-RPC 2.0 (section 5.1) and LSP codes.
const (
	// CodeParseError: what came in is not JSON.
	CodeParseError ErrorCode = -32700
	// CodeInvalidRequest: what came in is no request, or comes out of order.
	CodeInvalidRequest ErrorCode = -32600
	// CodeMethodNotFound: there is no such method.
	CodeMethodNotFound ErrorCode = -32601
	// CodeInvalidParams: the params have another shape than the method's, or contradict each other.
	CodeInvalidParams ErrorCode = -32602
	// CodeInternalError: a fault of tunnel-server itself, or one without a number of its own.
	CodeInternalError ErrorCode = -32603
	// CodeServerNotInitialized: a request came before initialize was answered.
	CodeServerNotInitialized ErrorCode = -32002
	// CodeRequestCancelled: the request was cancelled.
	CodeRequestCancelled ErrorCode = -32800
)

// KubeTunnel's own codes: 10xx cluster, 11xx operator, 12xx Service, 13xx
// permission, 14xx intercept, 15xx tunnel, 16xx sandbox, 17xx debugger, 18xx session.
const (
	// CodeNoKubeconfig: there is no kubeconfig, or it can't be read.
	CodeNoKubeconfig ErrorCode = 1001
	// CodeUnknownContext: the kubeconfig has no such context.
	CodeUnknownContext ErrorCode = 1002
	// CodeClusterUnreachable: the cluster's API server can't be reached.
	CodeClusterUnreachable ErrorCode = 1003
	// CodeUnauthorized: the cluster does not know the user, or the credentials have expired.
	CodeUnauthorized ErrorCode = 1004

	// CodeOperatorMissing: the operator is not installed in the cluster.
	CodeOperatorMissing ErrorCode = 1101
	// CodeOperatorVersion: the operator is of a version that this tunnel-server does not work with.
	CodeOperatorVersion ErrorCode = 1102
	// CodeOperatorNotReady: the operator is installed but does not answer yet.
	CodeOperatorNotReady ErrorCode = 1103

	// CodeServiceNotFound: there is no such Service.
	CodeServiceNotFound ErrorCode = 1201
	// CodeServiceNoSelector: the Service has no selector, so there is nothing to switch.
	CodeServiceNoSelector ErrorCode = 1202
	// CodeServiceHeadless: the Service is headless: a switch would take the names of its pods away.
	CodeServiceHeadless ErrorCode = 1203
	// CodeNoReadyPod: no pod of the Service is ready.
	CodeNoReadyPod ErrorCode = 1204
	// CodeUnknownPort: the Service has no such port.
	CodeUnknownPort ErrorCode = 1205
	// CodeUnresolvedPort: the Service's target port is a name that no container has.
	CodeUnresolvedPort ErrorCode = 1206
	// CodeNamespaceNotFound: there is no such namespace.
	CodeNamespaceNotFound ErrorCode = 1207
	// CodePortAmbiguous: the Service has several ports, and which one is meant is not told.
	CodePortAmbiguous ErrorCode = 1208
	// CodeLocalTraffic: the Service sends traffic only to pods of the caller's node.
	CodeLocalTraffic ErrorCode = 1209
	// CodeUnsupportedProto: the port's protocol is not TCP.
	CodeUnsupportedProto ErrorCode = 1210

	// CodeForbidden: the user has no permission for it in the cluster.
	CodeForbidden ErrorCode = 1301
	// CodeInheritForbidden: the user may take the traffic, but not the app's environment and files.
	CodeInheritForbidden ErrorCode = 1302

	// CodeAlreadyIntercepted: somebody else debugs the Service now.
	CodeAlreadyIntercepted ErrorCode = 1401
	// CodeInterceptRefused: the cluster refused the Intercept.
	CodeInterceptRefused ErrorCode = 1402
	// CodeAgentFailed: the agent did not become ready.
	CodeAgentFailed ErrorCode = 1403
	// CodeInterceptGone: the Intercept was deleted while the session ran.
	CodeInterceptGone ErrorCode = 1404
	// CodeContested: another tool keeps changing the Service back.
	CodeContested ErrorCode = 1405
	// CodeRestorePending: the session has ended, but the Service is not back yet.
	CodeRestorePending ErrorCode = 1406
	// CodeQuotaExceeded: a quota of the namespace has no room for the agent.
	CodeQuotaExceeded ErrorCode = 1407

	// CodeTunnelFailed: the tunnel to the agent could not be made.
	CodeTunnelFailed ErrorCode = 1501
	// CodeTunnelLost: the tunnel to the agent was lost and did not come back.
	CodeTunnelLost ErrorCode = 1502

	// CodeSandboxFailed: the sandbox could not be set up.
	CodeSandboxFailed ErrorCode = 1601
	// CodePortInUse: another program listens on the port.
	CodePortInUse ErrorCode = 1602
	// CodeSandboxLimit: the sandbox of this machine can't do it.
	CodeSandboxLimit ErrorCode = 1603

	// CodeUnknownAdapter: there is no such debug adapter.
	CodeUnknownAdapter ErrorCode = 1701
	// CodeAdapterMissing: the debug adapter is not installed.
	CodeAdapterMissing ErrorCode = 1702
	// CodeAdapterFailed: the debug adapter did not start, or refused.
	CodeAdapterFailed ErrorCode = 1703
	// CodeBadLaunch: the launch configuration has a mistake.
	CodeBadLaunch ErrorCode = 1704
	// CodeAdapterCrashed: the debug adapter ended by itself.
	CodeAdapterCrashed ErrorCode = 1705
	// CodeProcessStartFailed: the program could not be started.
	CodeProcessStartFailed ErrorCode = 1706

	// CodeUnknownSession: there is no such session.
	CodeUnknownSession ErrorCode = 1801
	// CodeSessionEnded: the session has ended.
	CodeSessionEnded ErrorCode = 1802
	// CodeSessionExists: a session of that id exists, with another target or program.
	CodeSessionExists ErrorCode = 1803
)

// ObjectRef names a Kubernetes object.
type ObjectRef struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is "Kind namespace/name".
func (o ObjectRef) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Fix is what the user can do about an error.
type Fix struct {
	// Title is short, for a button.
	Title string `json:"title"`
	// Command is a command line to run, if that fixes it.
	Command string `json:"command,omitempty"`
	// YAML is an object for an admin to apply, if that fixes it.
	YAML string `json:"yaml,omitempty"`
	// Method is a request of this protocol that fixes it, such as "operator/install".
	Method string `json:"method,omitempty"`
	// Value is what the Diagnostic's Field should be, if that fixes it.
	Value string `json:"value,omitempty"`
}

// Error is what a failed request carries: the JSON-RPC error's code, message and data.
type Error struct {
	Code    ErrorCode `json:"code"`
	Message string    `json:"message"`
	Data    ErrorData `json:"data"`

	cause error
}

// ErrorData is the data member of a JSON-RPC error.
type ErrorData struct {
	// ShowUser: show the message to the user as it is.
	ShowUser bool `json:"showUser"`
	// Step is the stage that failed.
	Step Stage `json:"step,omitempty"`
	// Object is what was tried on, Event its latest Event in the cluster.
	Object *ObjectRef `json:"object,omitempty"`
	Event  string     `json:"event,omitempty"`
	Fix    *Fix       `json:"fix,omitempty"`
}

// Errorf makes a user-visible error. A %w operand becomes its cause.
func Errorf(code ErrorCode, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Data: ErrorData{ShowUser: true}, cause: err}
}

// Error is "KT1201: message", or the message alone for JSON-RPC's own codes.
func (e *Error) Error() string {
	if e.Code > 0 {
		return fmt.Sprintf("KT%d: %s", e.Code, e.Message)
	}
	return e.Message
}

// Unwrap gives the causes that were wrapped by Errorf.
func (e *Error) Unwrap() error { return e.cause }

// At names the stage that failed, unless one is named already.
func (e *Error) At(stage Stage) *Error {
	if e.Data.Step == "" {
		e.Data.Step = stage
	}
	return e
}

// On names the object that was tried on.
func (e *Error) On(kind, namespace, name string) *Error {
	e.Data.Object = &ObjectRef{Kind: kind, Namespace: namespace, Name: name}
	return e
}

// WithFix tells the user what to do.
func (e *Error) WithFix(fix Fix) *Error {
	e.Data.Fix = &fix
	return e
}

// Diagnostic is the same finding before a launch.
func (e *Error) Diagnostic(severity Severity, field string) Diagnostic {
	return Diagnostic{Severity: severity, Code: e.Code, Message: e.Message, Object: e.Data.Object, Fix: e.Data.Fix, Field: field}
}
