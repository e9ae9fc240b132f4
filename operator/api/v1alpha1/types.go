// Package v1alpha1 is the Intercept type, intercepts.kubetunnel.dev/v1alpha1:
// the redirection of one Service to one workstation. The CRD is generated from it.
//
// +kubebuilder:object:generate=true
// +groupName=kubetunnel.dev
package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Intercept redirects a Service of its namespace to a workstation for as long as
// the workstation's engine keeps its tunnel; deleting it puts the Service back.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=kti,categories=kubetunnel
// +kubebuilder:printcolumn:name="SERVICE",type=string,JSONPath=`.spec.service`
// +kubebuilder:printcolumn:name="USER",type=string,JSONPath=`.spec.client.user`
// +kubebuilder:printcolumn:name="HOST",type=string,JSONPath=`.spec.client.host`
// +kubebuilder:printcolumn:name="STATE",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
type Intercept struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   InterceptSpec   `json:"spec"`
	Status InterceptStatus `json:"status,omitempty"`
}

// InterceptList is a list of Intercepts.
//
// +kubebuilder:object:root=true
type InterceptList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Intercept `json:"items"`
}

// InterceptSpec is what a developer asks for. It does not change after creation.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable: delete the Intercept and create another"
type InterceptSpec struct {
	// Service is the target's name, in the Intercept's namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service"`

	// Ports are the Service's ports that go to the workstation; the others stay with the origin.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +listType=map
	// +listMapKey=port
	Ports []InterceptPort `json:"ports"`

	// Mode tells which of the calls go to the workstation.
	Mode InterceptMode `json:"mode"`

	// Client is the workstation.
	Client InterceptClient `json:"client"`

	// Inherit asks for the app's environment, files and identity (a twin container).
	// +kubebuilder:default=true
	Inherit bool `json:"inherit"`

	// LeaseSeconds is how long the intercept outlives its tunnel: an engine that has been away for longer is given up.
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=3600
	LeaseSeconds int32 `json:"leaseSeconds,omitempty"`
}

// InterceptPort is one port of the Service.
type InterceptPort struct {
	// Port is the Service's port number.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}

// InterceptModeType names a way to choose calls.
//
// +kubebuilder:validation:Enum=All
type InterceptModeType string

// ModeAll sends every call to the workstation.
const ModeAll InterceptModeType = "All"

// InterceptMode tells which of the calls go to the workstation. It is a union by
// Type, so that rules on headers fit in later.
type InterceptMode struct {
	// +kubebuilder:default=All
	Type InterceptModeType `json:"type"`
}

// InterceptClient is the workstation's end.
type InterceptClient struct {
	// User is the Kubernetes user that owns the intercept; admission holds it equal to the requesting user.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	User string `json:"user"`
	// Host is the workstation's name, for people.
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// Key is the engine's public key: "ed25519:" and 43 characters of unpadded base64url (RFC 4648 section 5).
	// +kubebuilder:validation:Pattern=`^ed25519:[A-Za-z0-9_-]{43}$`
	Key string `json:"key"`
	// Version is the engine's version.
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`
}

// InterceptState sums the conditions up in a word.
type InterceptState string

// The states, in the order in which they come.
const (
	// StatePending: not looked at yet.
	StatePending InterceptState = "Pending"
	// StateRefused: can't be had, see the condition Accepted.
	StateRefused InterceptState = "Refused"
	// StatePreparing: the agent is on its way.
	StatePreparing InterceptState = "Preparing"
	// StateReady: the agent waits for the workstation, or for a process that listens there. The Service is as it was.
	StateReady InterceptState = "Ready"
	// StateLive: the Service is switched to the agent.
	StateLive InterceptState = "Live"
	// StateDetached: the workstation is away; the Service is back until it returns or the lease ends.
	StateDetached InterceptState = "Detached"
	// StateContested: somebody else keeps changing the Service's selector.
	StateContested InterceptState = "Contested"
	// StateFailed: the agent can't run, see the condition AgentReady.
	StateFailed InterceptState = "Failed"
)

// Condition types of an Intercept.
const (
	ConditionAccepted   = "Accepted"
	ConditionAgentReady = "AgentReady"
	ConditionAttached   = "Attached"
	ConditionSwitched   = "Switched"
)

// ReasonAway is why the condition Attached is False of a workstation that was attached once.
const ReasonAway = "Away"

// Reasons of the condition Accepted being False.
const (
	ReasonServiceNotFound    = "ServiceNotFound"
	ReasonNoSelector         = "NoSelector"
	ReasonHeadless           = "HeadlessGoverning"
	ReasonUnknownPort        = "UnknownPort"
	ReasonUnresolvedPort     = "UnresolvedPort"
	ReasonNoOrigin           = "NoOriginPod"
	ReasonAlreadyIntercepted = "AlreadyIntercepted"
	ReasonInheritDisabled    = "InheritDisabled"
	ReasonProtocol           = "UnsupportedProtocol"
)

// InterceptStatus is what the operator has seen.
type InterceptStatus struct {
	// +optional
	State InterceptState `json:"state,omitempty"`
	// Message says in a sentence why it is in that state.
	// +optional
	Message string `json:"message,omitempty"`
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Agent is the in-cluster end of the tunnel, set when it can be reached.
	// +optional
	Agent *InterceptAgent `json:"agent,omitempty"`
	// Reverts counts how often somebody else has changed the Service's selector under the intercept.
	// +optional
	Reverts int32 `json:"reverts,omitempty"`
}

// InterceptAgent tells how to reach the agent.
type InterceptAgent struct {
	// Pod is the agent pod's name, to port-forward to.
	Pod string `json:"pod"`
	// Key is the agent's public key, written as the client's.
	Key string `json:"key"`
	// TunnelPort is the port on the pod's 127.0.0.1 where it takes tunnels.
	TunnelPort int32 `json:"tunnelPort"`
	// UpgradePort is the port on the pod's address where it takes tunnels by HTTP
	// upgrade, through the API server's proxy to pods; 0 = it takes none.
	// +optional
	UpgradePort int32 `json:"upgradePort,omitempty"`
	// Ports are the Service's ports with their resolved target ports.
	// +listType=atomic
	Ports []AgentPort `json:"ports"`
	// Inherited: a twin container gives the app's environment.
	Inherited bool `json:"inherited"`
	// Networks are the cluster's ranges of Services and pods in CIDR notation, as far as
	// the operator can find them out.
	// +optional
	// +listType=atomic
	Networks []string `json:"networks,omitempty"`
}

// AgentPort is a port of the Service as the agent serves it.
type AgentPort struct {
	// +optional
	Name string `json:"name,omitempty"`
	Port int32  `json:"port"`
	// TargetPort is the number that the agent listens on.
	TargetPort int32  `json:"targetPort"`
	Protocol   string `json:"protocol"`
}
