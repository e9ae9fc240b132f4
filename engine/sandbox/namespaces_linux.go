package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaces is the sandbox of Linux: user, mount, network, UTS and PID namespaces,
// made without root. An init of ours is their PID 1; the network's far end is a
// netstack in this process.
//
// Its goroutines are those of its parts: the supervisors', the network's and the
// watches'; Close ends them all.
type namespaces struct {
	*base
	cfg    Config
	diag   *diagSocket
	device string
	// ipv6: the link takes IPv6 addresses.
	ipv6 bool
	// link is the descriptor of the pod's link, until there is a network behind it.
	link *os.File
	// memory is a folder in memory that only the sandbox sees, nil where there is none;
	// memoryInside is where that is.
	memory       *os.File
	memoryInside string

	becoming sync.Mutex // held by Become
	folder   podFolder
	// hostname is the pod's, "" until it is known.
	hostname atomic.Value
	// forwards are the workstation's ways into the cluster, beside the sandbox.
	forwards *outbound
	// net is nil until the pod is known.
	net atomic.Pointer[podNetwork]
	// pidNamespace is false where a fresh /proc is refused.
	pidNamespace bool

	hostMu sync.Mutex
	// host starts what is to run outside; made when it is first asked for.
	host *supervisor
}

// variant is how the namespaces are made.
type variant struct {
	pid    bool
	noTUN  bool
	noIPv6 bool
}

// NewNamespaces makes a sandbox of mode namespaces; an *UnavailableError says that
// this machine can't.
func NewNamespaces(ctx context.Context, cfg Config, log *slog.Logger) (Sandbox, error) {
	n, err := newNamespaces(ctx, cfg, variant{pid: true}, log)
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) && unavailable.Step == stepProc {
		n, err = newNamespaces(ctx, cfg, variant{}, log)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// try makes namespaces as a session does, and tells how.
func try(ctx context.Context) (trial, error) {
	box, err := NewNamespaces(ctx, Config{Mode: ModeNamespaces}, nil)
	if err != nil {
		return trial{}, err
	}
	var made trial
	if n, ok := box.(*namespaces); ok {
		made.pidNamespace, made.device = n.pidNamespace, n.device
	}
	if made.device != deviceTUN {
		made.whyNoTUN = whyNoTUN()
	}
	return made, box.Close(ctx)
}

// whyNoTUN is what keeps this process from TUN devices, when something does.
func whyNoTUN() error {
	file, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_ = file.Close()
	return errors.New("/dev/net/tun can be opened, but makes no device")
}

func newNamespaces(ctx context.Context, cfg Config, how variant, log *slog.Logger) (*namespaces, error) {
	n := &namespaces{base: newBase(log), cfg: cfg, pidNamespace: how.pid}
	err := n.build(ctx, how)
	if err == nil && cfg.Pod != nil {
		err = n.Become(ctx, cfg.Pod)
	}
	if err != nil {
		n.undo(context.WithoutCancel(ctx))
		return nil, err
	}
	return n, nil
}

func (n *namespaces) build(ctx context.Context, how variant) error {
	n.ports = newPortWatch(procFinder{list: n.listeners}, n.pids)
	attr, err := namespaceAttributes(how)
	if err != nil {
		return err
	}
	if n.forwards, err = newForwards(ctx, n.cfg, n.log); err != nil {
		return err
	}
	if n.super, err = startInit(n.ports.kick, attr); err != nil {
		return explain("making namespaces", err)
	}
	if n.memoryInside, err = memoryFolder(n.cfg.Dir); err != nil {
		return err
	}
	setup := &initSetup{Proc: how.pid, NoTUN: how.noTUN, NoIPv6: how.noIPv6, Memory: octets(n.memoryInside)}
	reply, err := n.super.request(ctx, initRequest{Op: opSetup, Setup: setup}, nil)
	if err != nil {
		closeAll(reply.files)
		return explain(reply.Step, err)
	}
	if len(reply.files) < 2 || len(reply.files) > 3 {
		closeAll(reply.files)
		return fmt.Errorf("the sandbox's init sent %d descriptors, not 2 or 3", len(reply.files))
	}
	if len(reply.files) == 3 {
		n.memory = reply.files[2]
	}
	n.device, n.ipv6 = reply.Device, reply.IPv6
	n.link, n.diag = reply.files[0], &diagSocket{file: reply.files[1]}
	n.enter, err = newEnterServer(n.cfg, starters{inside: n.startInside, outside: n.startOutside}, n.Environ, n.log)
	return err
}

// Become gives the namespaces the pod's names, addresses and files, and puts the rest
// of the world behind their link.
func (n *namespaces) Become(ctx context.Context, pod *Pod) error {
	if err := pod.check(); err != nil {
		return err
	}
	n.becoming.Lock()
	defer n.becoming.Unlock()
	if err := n.open(); err != nil {
		return err
	}
	if n.link == nil {
		return ErrBecame
	}
	var err error
	if !n.ipv6 {
		pod = pod.withoutIPv6()
	}
	if n.folder, err = newPodFolder(n.cfg.Dir, pod); err != nil {
		return err
	}
	cfg := n.cfg
	cfg.Pod = pod
	network, err := newPodNetwork(cfg, n.link, n.device == deviceVeth, n.log)
	n.link = nil
	if err != nil {
		return err
	}
	n.net.Store(network)
	n.hostname.Store(pod.Hostname)
	reply, err := n.super.request(ctx, initRequest{Op: opBecome, Pod: n.folder.request(n.seenInside(pod))}, nil)
	closeAll(reply.files)
	switch {
	case err == nil:
		return nil
	case reply.Step == stepHostname || reply.Step == stepNetwork:
		return explain(reply.Step, err)
	}
	return fmt.Errorf("%s: %w", stepFiles, err)
}

// endNetwork ends what is behind the link, and takes the pod's files away.
func (n *namespaces) endNetwork() error {
	n.becoming.Lock()
	defer n.becoming.Unlock()
	if n.forwards != nil {
		n.forwards.close()
	}
	if n.link != nil {
		_ = n.link.Close()
		n.link = nil
	}
	if network := n.net.Load(); network != nil {
		network.close()
	}
	if n.diag != nil {
		n.diag.close()
	}
	if n.memory != nil {
		_ = n.memory.Close()
	}
	if n.memoryInside != "" {
		_ = os.Remove(n.memoryInside) // empty: the mount has gone with its namespace
	}
	return n.folder.remove()
}

// namespaceAttributes are the flags of the real run, which the probe uses as well.
func namespaceAttributes(how variant) (*syscall.SysProcAttr, error) {
	uids, gids, err := identityMaps()
	if err != nil {
		return nil, err
	}
	flags := uintptr(unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS)
	if how.pid {
		flags |= unix.CLONE_NEWPID
	}
	return &syscall.SysProcAttr{
		Setsid: true, Cloneflags: flags, UidMappings: uids, GidMappings: gids,
		// In a namespace that may not, its children may not either.
		GidMappingsEnableSetgroups: os.Geteuid() == 0 && readLine("/proc/self/setgroups") == "allow",
		AmbientCaps:                initCapabilities,
	}, nil
}

func (n *namespaces) Mode() Mode     { return ModeNamespaces }
func (n *namespaces) Reason() string { return "" }

// notThePods are variables that lead programs past the pod: to the workstation's
// proxies, which know nothing of the cluster, and to the user's own rights in a
// cluster instead of the pod's. A pod or a launch configuration may have them.
var notThePods = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
	"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "KUBECONFIG",
}

// Environ names the pod, as the kubelet does.
// Adopt: a process can't be moved into namespaces.
func (n *namespaces) Adopt(pid int) error {
	return fmt.Errorf("process %d runs outside, and a running process can't be moved into mode %s", pid, ModeNamespaces)
}

func (n *namespaces) Environ() []string {
	var environ []string
	for _, name := range notThePods {
		if _, set := os.LookupEnv(name); set {
			environ = append(environ, name)
		}
	}
	if name, ok := n.hostname.Load().(string); ok && name != "" {
		environ = append(environ, "HOSTNAME="+name)
	}
	return environ
}

func (n *namespaces) Limits() []string {
	limits := namespacesLimits()
	if !n.pidNamespace {
		limits = append(limits, "This environment refuses a fresh /proc: process numbers are the workstation's, and its processes are seen.")
	}
	if !n.ipv6 {
		limits = append(limits, "This machine's kernel has IPv6 turned off: the pod's IPv6 addresses are missing, and what has no IPv4 address is not reached.")
	}
	return limits
}

func (n *namespaces) Start(ctx context.Context, cmd Command) (Process, error) {
	if err := n.open(); err != nil {
		return nil, err
	}
	if cmd.Outside {
		cmd, path, err := completeCommand(cmd)
		if err != nil {
			return nil, err
		}
		super, err := n.outside()
		if err != nil {
			return nil, err
		}
		return n.launch(ctx, super, path, cmd)
	}
	cmd, err := completeForInside(cmd)
	if err != nil {
		return nil, err
	}
	return n.launch(ctx, n.super, "", cmd)
}

// completeForInside fills in what only this process knows; the init finds program
// and folder among the files inside.
func completeForInside(cmd Command) (Command, error) {
	if len(cmd.Args) == 0 || cmd.Args[0] == "" {
		return cmd, errors.New("a command needs a program")
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	if cmd.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return cmd, err
		}
		cmd.Dir = dir
	}
	return cmd, nil
}

func (n *namespaces) startInside(cmd Command, files []*os.File) (*supervisor, *childProcess, error) {
	cmd, err := completeForInside(cmd)
	if err != nil {
		return nil, nil, err
	}
	child, err := n.super.start("", cmd, files)
	return n.super, child, err
}

func (n *namespaces) startOutside(cmd Command, files []*os.File) (*supervisor, *childProcess, error) {
	super, err := n.outside()
	if err != nil {
		return nil, nil, err
	}
	return startIn(super)(cmd, files)
}

// outside gives the init of the workstation's side.
func (n *namespaces) outside() (*supervisor, error) {
	n.hostMu.Lock()
	defer n.hostMu.Unlock()
	if err := n.open(); err != nil {
		return nil, err
	}
	if n.host == nil {
		super, err := newSupervisor(n.ports.kick)
		if err != nil {
			return nil, err
		}
		n.host = super
	}
	return n.host, nil
}

// Expose listens on the workstation's loopback, beside the forwards.
func (n *namespaces) Expose(e Exposure) (int, error) {
	if err := n.open(); err != nil {
		return 0, err
	}
	ports := []int{e.At, 0}
	if e.At == 0 {
		ports[0] = e.Port // it is what people have in their configurations
	} else {
		ports = ports[:1]
	}
	return n.forwards.expose(e, ports, func(ctx context.Context) (net.Conn, error) { return n.Dial(ctx, netip.AddrPort{}, e.Port) })
}

// listeners lists the namespace's listening sockets.
func (n *namespaces) listeners(port int) ([]listenSocket, error) { return n.diag.listeners(port) }

func (n *namespaces) Close(ctx context.Context) error { return n.closeWith(ctx, n.shutdown) }

// shutdown ends the processes first, so that none of them sees its network go.
func (n *namespaces) shutdown(ctx context.Context) error {
	n.enter.close()
	err := n.super.close(ctx, closeGrace)
	n.hostMu.Lock()
	host := n.host
	n.hostMu.Unlock()
	if host != nil {
		err = errors.Join(err, host.close(ctx, closeGrace))
	}
	return errors.Join(err, n.endNetwork())
}

// undo takes away what a failed build has made.
func (n *namespaces) undo(ctx context.Context) {
	if n.enter != nil {
		n.enter.close()
	}
	if n.super != nil {
		_ = n.super.close(ctx, 0)
	}
	_ = n.endNetwork()
}

// addresses of the pod, one of each family at most.
func firstOf(addresses []netip.Addr, v6 bool) (netip.Addr, bool) {
	for _, a := range addresses {
		if a.Is6() == v6 {
			return a, true
		}
	}
	return netip.Addr{}, false
}
