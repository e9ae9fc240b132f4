// Package sandbox is what a debuggee runs in: the pod's network, DNS,
// environment and files, as far as the mode on this machine can give them.
//
// It imports neither Kubernetes nor DAP; what it needs of the cluster comes
// through the interface Cluster.
package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
)

// Mode names an implementation.
type Mode string

// The modes, most faithful first.
const (
	ModeNamespaces Mode = "namespaces"
	ModeLoopback   Mode = "loopback"
)

// Cluster is the sandbox's way into the cluster, given by the engine: the tunnel's far side.
type Cluster interface {
	// DialContext opens a TCP connection from the pod to "host:port". A refusal matches
	// syscall.ECONNREFUSED, EHOSTUNREACH, ENETUNREACH or ETIMEDOUT, or is a *net.DNSError. Network "udp"
	// gives a connection of messages; a refused one is told by Read or Write.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	// Contains tells whether a host name or address is the cluster's.
	Contains(ctx context.Context, host string) bool
	// Routed is the user's word on whether a host is the cluster's, if there is one. It
	// goes before all that is found out.
	Routed(host string) (cluster, known bool)
}

// Config is what a session's sandbox is made of.
type Config struct {
	// Dir is a private folder of the session (0700), removed by the caller.
	Dir     string
	Cluster Cluster
	// Forwards are listeners on the workstation's 127.0.0.1: local port to the cluster's
	// "host:port". Mode loopback only: namespaces have no need of them.
	Forwards map[int]string
	// Pod is what the sandbox becomes at once; nil = it is told later, by Become.
	Pod *Pod
	// Mode forces a mode, "" = the most faithful one that works here.
	Mode Mode
	// Debuggee gives the whole environment of a debuggee, from the one of who joins the
	// sandbox and what the sandbox adds; variables of the names in keep are the joiner's. It
	// may wait for the pod. nil = all are the joiner's own.
	Debuggee func(ctx context.Context, own, extra, keep []string) ([]string, error)
}

// Command is a process to start in the sandbox.
type Command struct {
	Args []string
	// Dir is the working folder, absolute; "" = the caller's.
	Dir string
	// Env is the whole environment, "NAME=value"; nil = the caller's.
	Env []string
	// Stdin, Stdout and Stderr are passed on as they are when they are *os.File. nil = /dev/null.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// ExtraFiles become descriptors 3, 4, …
	ExtraFiles []*os.File
	// Outside: the process gets the workstation's network and files, as a build of the
	// debug adapter does; it ends with the sandbox all the same.
	Outside bool
	// Terminal: the process leads a session whose terminal is its standard input.
	Terminal bool
}

// Process is a process in the sandbox, with whatever it starts.
type Process interface {
	// PID is the number that the process has for itself and its like: inside a PID
	// namespace another one than outside.
	PID() int
	// Wait waits for the process itself; it may be called more than once, by several goroutines.
	Wait(ctx context.Context) (exitCode int, err error)
	// Signal goes to the process itself.
	Signal(sig os.Signal) error
	// End ends the process with everything it started, at once. Ending it twice is no error.
	End(ctx context.Context) error
}

// Running is a process of a session.
type Running struct {
	// PID is its number inside, Outside the one by which the workstation knows it.
	PID, Outside int
	// Name is that of its program, "" where the system does not tell.
	Name string
	// Also are other names that people have for it: the one it was called by, and that of
	// the script that an interpreter runs.
	Also []string
}

// Listening tells whether a process of the session's own tree listens on a port.
type Listening struct {
	Port int
	// PID of the listener, 0 when nobody of the session listens.
	PID int
	// Foreign is the PID of a process outside the session that holds the port, 0 when there is none or it can't be known.
	Foreign int
	// Taken: sockets listen on the port, and none is the session's. It is true also when Foreign can't be known.
	Taken bool
}

// Sandbox is one session's sandbox. Its methods may be called by several goroutines.
type Sandbox interface {
	Mode() Mode
	// Reason says why no more faithful mode was taken, "" when this one was to be had or asked for.
	Reason() string
	// Limits are sentences about what does not work in this mode.
	Limits() []string
	// Become makes it that pod, once. What was started before finds itself there too; until
	// then it has the workstation's files, and in namespaces no network but a loopback of
	// its own, so that a debug adapter can start while the pod is not known yet.
	Become(ctx context.Context, pod *Pod) error
	// Memory is a folder for what must not be on a disk, by a path that only this process
	// can use, until Close; mounts of a Pod may have their sources there. "" = there is none.
	Memory() string
	// Start starts a process inside. The tree of a sandbox ends with it, whatever way this process dies.
	Start(ctx context.Context, cmd Command) (Process, error)
	// Enter gives the command line that runs args inside, for programs that others start (runInTerminal).
	Enter(args []string) ([]string, error)
	// Leave gives the command line by which a program inside runs args with the workstation's
	// network and files (a build), in the caller's folder and environment.
	Leave(args []string) ([]string, error)
	// Environ gives what this mode adds to a debuggee's environment (proxy variables,
	// RootVariable). A name alone takes the workstation's variable out, as the pod does not have it.
	Environ() []string
	// Adopt makes a process that somebody else has started, with all that it starts, one of the
	// session's. It is not ended with the sandbox. Only mode loopback can.
	Adopt(pid int) error
	// Dial connects to a listener of the session's tree; source is the caller's address, shown where the mode can.
	Dial(ctx context.Context, source netip.AddrPort, port int) (net.Conn, error)
	// Expose makes a listener of the session's tree on its 127.0.0.1 reachable for this
	// user's programs on the workstation's, until Close, and gives the port there. Asked
	// again for the same port it gives the same one.
	Expose(e Exposure) (workstation int, err error)
	// Processes lists the session's processes, parents before their children.
	Processes() []Running
	// WatchListen tells the state of a port now and at each change, until ctx ends and the channel is closed.
	WatchListen(ctx context.Context, port int) <-chan Listening
	// Close ends the whole process tree and undoes everything. It may be called twice. Bounded by ctx.
	Close(ctx context.Context) error
}

// Exposure is what Expose makes reachable.
type Exposure struct {
	// Port is inside.
	Port int
	// At is the port on the workstation; 0 = of the same number where that is free.
	At int
	// Wait: who comes before the program listens waits for it, and is not refused.
	Wait bool
	// Answers passes on what the program says, until it has said all; nil = as it is.
	Answers func(to io.Writer, from io.Reader) error
}

// plain tells whether a listener that is the workstation's own needs nothing in between.
func (e Exposure) plain() bool {
	return !e.Wait && e.Answers == nil && (e.At == 0 || e.At == e.Port)
}

// ModeVariable forces a mode.
const ModeVariable = "KUBETUNNEL_SANDBOX"

// RootVariable names the folder below which mode loopback has the pod's files, by the
// paths that they have in the pod. In namespaces and in the pod itself, where they are
// at those paths, it is not set: $KUBETUNNEL_ROOT/etc/app/config finds them everywhere.
const RootVariable = "KUBETUNNEL_ROOT"

// ErrBecame is returned when a sandbox is told a second pod.
var ErrBecame = errors.New("the sandbox is a pod already")

// ErrClosed is returned by a sandbox that was closed.
var ErrClosed = errors.New("sandbox is closed")
