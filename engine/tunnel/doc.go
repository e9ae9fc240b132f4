// Package tunnel is the connection between engine and agent: a resumable pipe
// over transports that come and go, TLS 1.3 with pinned keys on it, yamux on
// that, and typed streams on top. Both ends use it; spec.md is its wire format.
//
// It imports neither Kubernetes nor the rest of the engine.
package tunnel
