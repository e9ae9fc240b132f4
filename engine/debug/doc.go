// Package debug is the debugger of a session: which adapters there are and how each
// is found and started, what a launch configuration comes to, and a proxy of the
// Debug Adapter Protocol between editor and adapter.
//
// It may import protocol, engine/private and engine/sandbox, and neither Kubernetes nor the rest of
// the engine: what it needs of a session comes through the interface Host. Together
// with the server it is the only place that knows DAP.
package debug
