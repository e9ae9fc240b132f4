// Package agent is the in-cluster data plane: it stands in for the app's pods
// behind the Service, hands each connection to the workstation, and whenever that
// can't take it, to the origin. It is told what to do over the control channel.
//
// It imports engine/tunnel and operator/control, and nothing of Kubernetes.
package agent
