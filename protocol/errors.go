package protocol

import "fmt"

// ErrorCode numbers every error that a user may see. Codes never change their meaning.
type ErrorCode int

// JSON-RPC 2.0 (section 5.1) and LSP codes.
const (
	CodeParseError           ErrorCode = -32700
	CodeInvalidRequest       ErrorCode = -32600
	CodeMethodNotFound       ErrorCode = -32601
	CodeInvalidParams        ErrorCode = -32602
	CodeInternalError        ErrorCode = -32603
	CodeServerNotInitialized ErrorCode = -32002
	CodeRequestCancelled     ErrorCode = -32800
)

// KubeTunnel's own codes: 10xx cluster, 11xx operator, 12xx Service, 13xx
// permission, 14xx intercept, 15xx tunnel, 16xx sandbox, 17xx debugger, 18xx session.
const (
	CodeNoKubeconfig       ErrorCode = 1001
	CodeUnknownContext     ErrorCode = 1002
	CodeClusterUnreachable ErrorCode = 1003
	CodeUnauthorized       ErrorCode = 1004

	CodeOperatorMissing  ErrorCode = 1101
	CodeOperatorVersion  ErrorCode = 1102
	CodeOperatorNotReady ErrorCode = 1103

	CodeServiceNotFound   ErrorCode = 1201
	CodeServiceNoSelector ErrorCode = 1202
	CodeServiceHeadless   ErrorCode = 1203
	CodeNoReadyPod        ErrorCode = 1204
	CodeUnknownPort       ErrorCode = 1205
	CodeUnresolvedPort    ErrorCode = 1206
	CodeNamespaceNotFound ErrorCode = 1207
	CodePortAmbiguous     ErrorCode = 1208
	CodeLocalTraffic      ErrorCode = 1209
	CodeUnsupportedProto  ErrorCode = 1210

	CodeForbidden        ErrorCode = 1301
	CodeInheritForbidden ErrorCode = 1302

	CodeAlreadyIntercepted ErrorCode = 1401
	CodeInterceptRefused   ErrorCode = 1402
	CodeAgentFailed        ErrorCode = 1403
	CodeInterceptGone      ErrorCode = 1404
	CodeContested          ErrorCode = 1405
	CodeRestorePending     ErrorCode = 1406

	CodeTunnelFailed ErrorCode = 1501
	CodeTunnelLost   ErrorCode = 1502

	CodeSandboxFailed ErrorCode = 1601
	CodePortInUse     ErrorCode = 1602
	CodeSandboxLimit  ErrorCode = 1603

	CodeUnknownAdapter     ErrorCode = 1701
	CodeAdapterMissing     ErrorCode = 1702
	CodeAdapterFailed      ErrorCode = 1703
	CodeBadLaunch          ErrorCode = 1704
	CodeAdapterCrashed     ErrorCode = 1705
	CodeProcessStartFailed ErrorCode = 1706

	CodeUnknownSession ErrorCode = 1801
	CodeSessionEnded   ErrorCode = 1802
	CodeSessionExists  ErrorCode = 1803
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
