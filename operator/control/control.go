// Package control is what operator and agent say to each other over the control
// channel: the operator dials the agent by TLS 1.3 with pinned keys, then each
// side sends whole states, never differences, so that a lost connection loses nothing.
//
// It imports engine/tunnel for keys, and neither Kubernetes nor the engine.
package control

import (
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// Desired is the operator's word to the agent. The last one holds, also when
// the operator is away.
type Desired struct {
	// Generation grows with each change; Observed repeats it.
	Generation int64 `json:"generation"`
	// Term is that of the operator's leadership; it grows from one leader to the next.
	Term int64 `json:"term,omitempty"`
	// Ports are all ports of the Service.
	Ports []Port `json:"ports"`
	// Clients are the engines that may attach. A client that is no longer named is withdrawn at once.
	Clients []Client `json:"clients"`
	// Draining: the selector is back; end what is left within DrainMillis, then report Drained.
	// Clients have nothing of the cluster any more: they are named for their last calls' sake.
	// Without Ports, or without Clients, those of the word before are meant: an operator that
	// has just started may not know them any more.
	Draining    bool  `json:"draining,omitempty"`
	DrainMillis int64 `json:"drainMillis,omitempty"`
}

// Port is a port of the Service.
type Port struct {
	Name        string `json:"name,omitempty"`
	ServicePort int32  `json:"servicePort"`
	// AppProtocol is the Service's word for what the port carries.
	AppProtocol string `json:"appProtocol,omitempty"`
	// TargetPort is the number that the agent listens on.
	TargetPort int32 `json:"targetPort"`
	// Protocol is TCP or UDP.
	Protocol string `json:"protocol"`
	// Origin is the origin Service's "ip:port" for what the workstation can't take.
	Origin string `json:"origin"`
}

// Client is one Intercept's engine.
type Client struct {
	// Intercept is the object's UID.
	Intercept string           `json:"intercept"`
	Key       tunnel.PublicKey `json:"key"`
	// Ports are the Service's ports that go to this client.
	Ports []int32 `json:"ports"`
	// Inherit: the client may have the twin's environment and files.
	Inherit bool `json:"inherit"`
	// LeaseMillis is how long the client may be away before its streams are closed.
	LeaseMillis int64 `json:"leaseMillis"`
}

// ResetMemory is how long Linux' connection tracking remembers a connection that was reset
// (nf_conntrack_tcp_timeout_close). Where the reset came from the callee, a new connection
// from the same port is taken for more of that one: it is sent to the pod that the former
// one went to, whatever the Service selects by then.
const ResetMemory = 10 * time.Second

// Observed is the agent's word to the operator, sent at each change and every
// second while counters change.
type Observed struct {
	Generation int64 `json:"generation"`
	// Listening are the target ports that are bound.
	Listening []int32 `json:"listening"`
	// Failures are ports that can't be bound and why.
	Failures []PortFailure `json:"failures,omitempty"`
	// Twin is "none", "waiting" or "ready".
	Twin    string        `json:"twin"`
	Clients []ClientState `json:"clients"`
	// Drained: nothing of a workstation is left. Cut counts what had to be closed.
	Drained bool  `json:"drained,omitempty"`
	Cut     int64 `json:"cut,omitempty"`
	// RememberedMillis is for how long nodes may still remember connections that the agent
	// has reset: a new one from the same port of a caller is sent where that one went.
	RememberedMillis int64 `json:"rememberedMillis,omitempty"`
}

// PortFailure is a port that the agent can't listen on.
type PortFailure struct {
	TargetPort int32  `json:"targetPort"`
	Error      string `json:"error"`
}

// ClientState is how a client stands with the agent.
type ClientState struct {
	Intercept string `json:"intercept"`
	// Attached: its tunnel is up and answers heartbeats.
	Attached bool `json:"attached"`
	// Serving are the Service's ports on which a process of the workstation's session listens now.
	Serving []int32 `json:"serving,omitempty"`
	// AwayMillis is for how long a client has not been attached, by the agent's monotonic clock.
	AwayMillis int64 `json:"awayMillis,omitempty"`
	// Seen: it has been attached at least once.
	Seen     bool     `json:"seen"`
	Counters Counters `json:"counters"`
}

// Counters of a client.
type Counters struct {
	// Connections that the workstation took; Origin, those given to the origin instead.
	Connections int64 `json:"connections"`
	Origin      int64 `json:"origin"`
	// Requests that the workstation took, of connections that are relayed by request.
	Requests int64 `json:"requests,omitempty"`
	// Active are requests under way at the workstation, and connections that are not
	// relayed by request.
	Active   int64 `json:"active"`
	BytesIn  int64 `json:"bytesIn"`
	BytesOut int64 `json:"bytesOut"`
}
