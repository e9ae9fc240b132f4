package engine

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Rooms makes what a session needs.
type Rooms struct {
	// Cluster connects to a context of the kubeconfig ("" = the current one).
	Cluster func(kubeContext string) (Cluster, error)
	// Link makes the workstation's end of a tunnel, with a key pair of its own; it does not connect yet.
	Link func(LinkConfig) (Link, error)
	// Sandbox starts a sandbox.
	Sandbox func(ctx context.Context, cfg SandboxConfig) (Sandbox, error)
	// CheckLaunch tells what is wrong with a launch configuration, before anything is made
	// for it; nil = nobody looks.
	CheckLaunch func(launch json.RawMessage) error
	// Debugger prepares what runs in the sandbox: a debug adapter or a command.
	Debugger func(ctx context.Context, cfg DebuggerConfig) (Debugger, error)
}

// Cluster is where targets are looked at and Intercepts are made.
type Cluster interface {
	// Survey looks at a target; it changes nothing. The error is for what kept it from looking.
	Survey(ctx context.Context, target protocol.Target) (Survey, error)
	// Create makes the Intercept of a survey without errors.
	Create(ctx context.Context, survey Survey, request InterceptRequest) (Intercept, error)
}

// Survey is what was found out about a target.
type Survey interface {
	// Target with every default filled in.
	Target() protocol.Target
	Ports() []protocol.PortMapping
	Problems() []protocol.Diagnostic
	// Err is the first problem that keeps a session from starting.
	Err() error
}

// InterceptRequest is the workstation's part of an Intercept.
type InterceptRequest struct {
	// Name of the object, a DNS-1123 label.
	Name string
	// Key is the link's public key.
	Key     string
	Host    string
	Inherit bool
	// Lease is how long the intercept outlives its tunnel.
	Lease time.Duration
}

// Intercept is the object in the cluster.
type Intercept interface {
	Name() string
	// UID tells it from another one of the same name.
	UID() string
	// Agent waits until the agent can be reached.
	Agent(ctx context.Context) (AgentInfo, error)
	// Dial makes one transport to the agent; it follows the agent to a new pod.
	Dial(ctx context.Context) (io.ReadWriteCloser, error)
	// Carrier is how the last transport goes.
	Carrier() protocol.Carrier
	// Status is the last known state, and a channel that is closed at the next change.
	Status() (InterceptStatus, <-chan struct{})
	// Delete asks for the end; it may be called twice.
	Delete(ctx context.Context) error
	// Restored waits until the Service is back, and tells how it differs from before.
	Restored(ctx context.Context) (differences []string, err error)
	Close()
}

// AgentInfo is the in-cluster end of the tunnel.
type AgentInfo struct {
	Key string
	// Inherited: it can give the app's environment.
	Inherited bool
	// Networks are the cluster's ranges of Services and pods (CIDR), as far as they are known.
	Networks []string
}

// InterceptStatus is what the operator says.
type InterceptStatus struct {
	// Live: the Service is switched.
	Live bool
	// Contested: somebody else keeps changing the Service.
	Contested bool
	// Refused: the operator does not carry it out, or not any more: the Service was deleted, say.
	Refused bool
	// Gone: the object was deleted.
	Gone    bool
	Message string
}

// LinkConfig is what a link calls.
type LinkConfig struct {
	// Take connects a call on a Service port to the debuggee; source is the caller's "ip:port".
	Take func(ctx context.Context, servicePort int, source string) (net.Conn, error)
	// Attached tells each change of the tunnel's state, in order.
	Attached func(attached bool)
	// ViaCluster and ViaWorkstation are the user's word on where hosts are reached:
	// addresses, ranges (CIDR) and domains.
	ViaCluster, ViaWorkstation []string
	// Lease is how long the link tries to come back before it gives up.
	Lease time.Duration
}

// Link is the workstation's end of a session's tunnel.
type Link interface {
	// PublicKey is the engine's key for this session.
	PublicKey() string
	// Connect attaches to the agent; afterwards the link keeps itself attached. It asks
	// which agent there is, as dial does, for each tunnel that it makes.
	Connect(ctx context.Context, agent func(context.Context) (AgentInfo, error), dial func(context.Context) (io.ReadWriteCloser, error)) error
	// Pod is what the agent's twin tells of the app's container; its files are put below
	// dir, and kept up to date there until the link is closed. ConfigMaps, Secrets and the
	// like are put below memory, unless that is "".
	Pod(ctx context.Context, dir, memory string) (*Pod, error)
	// Serve tells the agent on which Service ports the session listens, and returns when that holds.
	Serve(ctx context.Context, servicePorts []int) error
	Traffic() protocol.Traffic
	// Lost is closed when the tunnel can't be had any more; LostError says why.
	Lost() <-chan struct{}
	LostError() error
	// DialContext connects from the pod; Contains tells whether a host is the cluster's.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Contains(ctx context.Context, host string) bool
	// Routed is the user's word on whether a host is the cluster's, if there is one.
	Routed(host string) (cluster, known bool)
	// Resolve passes a DNS message to the pod's resolver.
	Resolve(ctx context.Context, message []byte) ([]byte, error)
	Close() error
}

// Pod is the pod that a session's processes are to find around themselves. Its
// zero value is a pod of which nothing is inherited.
type Pod struct {
	// Namespace is the target's.
	Namespace string
	// Env is the app container's environment, as "NAME=value".
	Env      []string
	Hostname string
	// Addresses are the agent pod's.
	Addresses []string
	// ResolvConf and Hosts are the pod's files of that name, "" = not known.
	ResolvConf, Hosts string
	Files             []PodFile
	// Notes are sentences about what of the pod can't be had.
	Notes []string
}

// SandboxConfig is what a sandbox is made from.
type SandboxConfig struct {
	// Dir is the session's private folder.
	Dir string
	// Link is the way into the cluster.
	Link     Link
	Forwards []protocol.Forward
	// Environment waits for the app's environment, as Host's does.
	Environment func(ctx context.Context) ([]string, error)
	// Outside: the program is started by the editor, on the workstation.
	Outside bool
}

// PodFile is a mounted folder or file of the app's container.
type PodFile struct {
	// Path is where the container has it, Source where it is on the workstation.
	Path, Source string
	ReadOnly     bool
}

// Sandbox is what the session's processes run in.
type Sandbox interface {
	// Become makes the sandbox that pod. What was started before finds itself there too.
	Become(ctx context.Context, pod *Pod) error
	// Info tells its mode, why it is that one, and what does not work in it. After
	// Become, more of that may be known.
	Info() protocol.SandboxInfo
	// Memory is a folder for what must not be on a disk, "" where there is none.
	Memory() string
	// Variables tells how the environment of a program that is started outside is to differ from this
	// process's: user are its user's own, nil for one that is to be taken out.
	Variables(ctx context.Context, user map[string]*string) (map[string]*string, error)
	// Adopt makes a process of this user, with all that it starts, one of the session's.
	Adopt(pid int) error
	// Dial connects to a listener of the session's processes.
	Dial(ctx context.Context, source string, port int) (net.Conn, error)
	// Expose makes a port of the session's processes reachable on the workstation's
	// 127.0.0.1, and gives the one there.
	Expose(port int) (workstation int, err error)
	// Listening tells the state of a local port now and at each change, until ctx ends.
	Listening(ctx context.Context, port int) <-chan Listening
	Close(ctx context.Context) error
}

// Listening is the state of a local port.
type Listening struct {
	// Ours: a process of the session listens.
	Ours bool
	// Foreign is the process id of another program that holds the port, or 0.
	Foreign int
}

// DebuggerConfig is what a debugger is made from: of Launch and Command, or of neither, when the editor starts the program.
type DebuggerConfig struct {
	// Dir is the session's private folder.
	Dir     string
	Target  protocol.Target
	Sandbox Sandbox
	Launch  []byte
	// Folder is the workspace folder of Launch, "" = the server's own.
	Folder  string
	Command *protocol.Command
	Host    Host
}

// Host is what a debugger may ask of its session.
type Host interface {
	// Environment waits for the app's environment, or fails with the session's error. The
	// sandbox is the pod when it returns.
	Environment(ctx context.Context) ([]string, error)
	// BeforeEnd is called before the debuggee is ended: new calls go to the origin when it returns.
	BeforeEnd(ctx context.Context)
	// Output shows text to the user: category "stdout", "stderr" or "console".
	Output(category, text string)
}

// Debugger is what runs in the sandbox.
type Debugger interface {
	// Endpoint is where an editor speaks DAP; nil for a command.
	Endpoint() *protocol.Endpoint
	// Restart starts the debuggee again.
	Restart(ctx context.Context) error
	// Terminate ends the debuggee in an orderly way, bounded by ctx. It may be called twice.
	Terminate(ctx context.Context)
	// Fail tells the editor that the session can't be had.
	Fail(err error)
	// Done is closed when it has ended for good; Result tells how. Its error is that of a
	// program that could not be started; it is told by Fail, as all that end a session.
	Done() <-chan struct{}
	Result() (reason string, exitCode *int, err error)
	Close() error
}
