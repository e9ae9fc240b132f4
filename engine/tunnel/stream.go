package tunnel

import (
	"context"
	"net"
)

// Kind says what a stream carries.
type Kind string

// The kinds of stream.
const (
	// KindTCP: a TCP connection's bytes. Agent to engine: an inbound call, Header.Port
	// is the Service's port. Engine to agent: Header.Target is "host:port" to dial from the pod.
	KindTCP Kind = "tcp"
	// KindHTTP is reserved: requests go by KindTCP with Header.Requests.
	KindHTTP Kind = "http"
	// KindUDP: datagrams, each with a two-byte length before it.
	KindUDP Kind = "udp"
	// KindDNS: DNS messages with a two-byte length (RFC 1035 section 4.2.2), to the pod's resolver.
	KindDNS Kind = "dns"
	// KindFile: the content of the mount Header.Target, one line of MountContent and
	// another one after each change.
	KindFile Kind = "file"
	// KindEnv: the environment of the app's container, one JSON Environment.
	KindEnv Kind = "env"
	// KindServe: engine to agent; JSON ServeState lines from the engine, each answered
	// by a ServeState line from the agent when it holds. The stream's end stops serving.
	KindServe Kind = "serve"
)

// Header opens a stream.
type Header struct {
	Kind Kind `json:"kind"`
	// Port is the Service's port, of inbound streams.
	Port int32 `json:"port,omitempty"`
	// Target is "host:port", of outbound streams.
	Target string `json:"target,omitempty"`
	// Source is the caller's "ip:port", of inbound streams.
	Source string `json:"source,omitempty"`
	// Requests: an inbound stream may carry requests one after another, and rests
	// between them; the agent counts them, and ends it when it is to rest for good.
	Requests bool `json:"requests,omitempty"`
}

// Environment is what a KindEnv stream carries: the app's container as its twin sees it.
type Environment struct {
	// Env are "NAME=value" entries as the kubelet and the image made them.
	Env      []string `json:"env"`
	Hostname string   `json:"hostname"`
	// Workdir is the image's WORKDIR.
	Workdir string `json:"workdir,omitempty"`
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
	// ResolvConf is the pod's /etc/resolv.conf.
	ResolvConf string `json:"resolvConf"`
	// Hosts is the pod's /etc/hosts.
	Hosts string `json:"hosts,omitempty"`
	// PodIPs are the agent pod's addresses.
	PodIPs []string `json:"podIPs,omitempty"`
	// Mounts are the app container's volume mounts.
	Mounts []Mount `json:"mounts,omitempty"`
}

// ServeState is the set of the Service's ports on which the workstation listens.
type ServeState struct {
	Generation int64   `json:"generation"`
	Ports      []int32 `json:"ports"`
	// Counters are the agent's, in its answers: connections that the workstation took,
	// those given to the origin instead, requests that the workstation took, and what
	// is under way there.
	Connections int64 `json:"connections,omitempty"`
	Origin      int64 `json:"origin,omitempty"`
	Requests    int64 `json:"requests,omitempty"`
	Active      int64 `json:"active,omitempty"`
}

// RefuseCode tells why a stream was refused, so that "refused" and "timeout"
// reach a program as what they were.
type RefuseCode string

// Reasons of a refusal.
const (
	RefusedConnection RefuseCode = "refused"
	// RefusedReset: it was broken off at once, after somebody had taken it.
	RefusedReset       RefuseCode = "reset"
	RefusedUnreachable RefuseCode = "unreachable"
	// RefusedNoNetwork: there is no way at all to such addresses (ENETUNREACH). An engine
	// that does not know it takes it for RefusedUnreachable.
	RefusedNoNetwork   RefuseCode = "no-network"
	RefusedTimeout     RefuseCode = "timeout"
	RefusedNoSuchHost  RefuseCode = "no-such-host"
	RefusedForbidden   RefuseCode = "forbidden"
	RefusedUnsupported RefuseCode = "unsupported"
	RefusedInternal    RefuseCode = "internal"
)

// RefusedError is the far side's refusal of a stream.
type RefusedError struct {
	Code    RefuseCode
	Message string
}

func (e *RefusedError) Error() string {
	return "refused by the far side: " + e.Message + " (" + string(e.Code) + ")"
}

// Handler serves the streams that the far side opens. It is called in a goroutine
// of its own per stream, must call Accept or Refuse once, and owns the stream.
type Handler func(ctx context.Context, s Stream)

// Stream is one typed stream. Reads and writes may begin before the far side has
// accepted; what was written before a refusal is lost.
//
// CloseWrite ends the sending direction (the far side reads io.EOF); Close ends
// both, and if the far side has not been told by CloseWrite, it reads ErrReset.
type Stream interface {
	net.Conn
	Header() Header
	// Accepted waits for the far side's answer: nil, a *RefusedError, or the tunnel's error.
	Accepted(ctx context.Context) error
	// Accept and Refuse answer a stream that the far side opened.
	Accept() error
	Refuse(code RefuseCode, message string) error
	CloseWrite() error
	// Reset ends both directions at once; the far side reads ErrReset.
	Reset() error
}
