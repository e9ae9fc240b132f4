// Package engine runs sessions: one debug session's intercept, sandbox and
// debugger, started and stopped together as a stack of steps, each with its undo.
//
// It imports protocol, engine/private and the standard library; its rooms (cluster, tunnel,
// link, sandbox, debug) satisfy the small interfaces of rooms.go and are wired by main.
package engine
