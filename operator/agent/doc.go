// Package agent is the in-cluster data plane: it stands in for the app's pods behind
// the Service. Each request of HTTP, and each connection of anything else, goes to the
// workstation, or whenever that can't take it, to the origin. It is told what to do
// over the control channel.
//
// What a port carries is said by the Service (carries), else by who speaks first
// (conversation). Bytes pass as they are: http1 only finds where messages end. HTTP/2 is
// spoken by net/http to both sides (streams); what that does not tell is read in its frames.
//
// It imports engine/tunnel, engine/watch and operator/control, and nothing of Kubernetes.
package agent
