package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/cluster"
	"github.com/kubetunnel/kubetunnel/engine/debug"
	"github.com/kubetunnel/kubetunnel/engine/link"
	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/cli"
)

// newRooms wires the engine's rooms together.
func newRooms(kubeconfig *cluster.Kubeconfig, former *former, folder string, terminal *cli.Streams, log *slog.Logger) engine.Rooms {
	return engine.Rooms{
		Cluster: func(kubeContext string) (engine.Cluster, error) {
			client, err := kubeconfig.Connect(kubeContext)
			if err != nil {
				return nil, err
			}
			return clusterRoom{client, former}, nil
		},
		Link: func(cfg engine.LinkConfig) (engine.Link, error) { return link.New(cfg, log) },
		Sandbox: func(ctx context.Context, cfg engine.SandboxConfig) (engine.Sandbox, error) {
			forwards, err := forwardMap(cfg.Forwards)
			if err != nil {
				return nil, err
			}
			mode := askedMode()
			if cfg.Outside {
				mode = sandbox.ModeLoopback
			}
			box, err := sandbox.New(ctx, sandbox.Config{
				Dir: cfg.Dir, Cluster: cfg.Link, Mode: mode, Forwards: forwards,
				Debuggee: func(ctx context.Context, own, extra, keep []string) ([]string, error) {
					pod, err := cfg.Environment(ctx)
					return debug.KeepEnvironment(own, pod, extra, keep), err
				},
			}, log)
			if err != nil {
				return nil, protocol.Errorf(protocol.CodeSandboxFailed, "the sandbox can't be made: %w", err)
			}
			return sandboxRoom{Sandbox: box, dir: cfg.Dir, link: cfg.Link, environment: cfg.Environment}, nil
		},
		CheckLaunch: func(launch json.RawMessage) error { return debug.CheckLaunch(launch, folder) },
		Debugger: func(ctx context.Context, cfg engine.DebuggerConfig) (engine.Debugger, error) {
			return newDebugger(ctx, cfg, cmp.Or(cfg.Folder, folder), terminal, log)
		},
	}
}

func newDebugger(_ context.Context, cfg engine.DebuggerConfig, folder string, terminal *cli.Streams, log *slog.Logger) (engine.Debugger, error) {
	box, ok := cfg.Sandbox.(sandboxRoom)
	if !ok {
		return nil, protocol.Errorf(protocol.CodeInternalError, "a sandbox of another kind: %T", cfg.Sandbox)
	}
	command := cfg.Command
	if command == nil && debug.ModeOf(cfg.Launch) == protocol.ModeLauncher {
		served, err := debug.Served(cfg.Launch, folder, box.Sandbox)
		if err != nil {
			return nil, err
		}
		if served == nil {
			return newLaunched(cfg, folder)
		}
		command = served
	}
	switch {
	case command != nil:
		return newProcess(cfg, *command, box, terminal)
	case len(cfg.Launch) == 0:
		return debug.NewOutside(cfg.Host), nil
	}
	debugger, err := debug.New(debug.Options{Sandbox: box.Sandbox, Launch: cfg.Launch, Dir: cfg.Dir, Folder: folder, Host: cfg.Host, Log: log})
	if err != nil {
		return nil, err
	}
	return debugger, nil
}

func newLaunched(cfg engine.DebuggerConfig, folder string) (engine.Debugger, error) {
	launched, err := debug.NewLaunched(cfg.Launch, folder, cfg.Host)
	if err != nil {
		return nil, err
	}
	return launched, nil
}

func newProcess(cfg engine.DebuggerConfig, command protocol.Command, box sandboxRoom, terminal *cli.Streams) (engine.Debugger, error) {
	opts := debug.ProcessOptions{Sandbox: box.Sandbox, Command: command, Host: cfg.Host}
	if terminal != nil {
		opts.Stdin, opts.Stdout, opts.Stderr = terminal.In, terminal.Out, terminal.Err
	}
	process, err := debug.RunProcess(opts)
	if err != nil {
		return nil, err
	}
	return process, nil
}

// clusterRoom is a cluster.Client as the engine sees it.
type clusterRoom struct {
	client *cluster.Client
	former *former
}

func (r clusterRoom) Survey(ctx context.Context, target protocol.Target) (engine.Survey, error) {
	r.former.makeWay(ctx, target.Service)
	s, err := r.client.Survey(ctx, target)
	if err != nil {
		return nil, err
	}
	return surveyRoom{s}, nil
}

func (r clusterRoom) Create(ctx context.Context, survey engine.Survey, request engine.InterceptRequest) (engine.Intercept, error) {
	s, ok := survey.(surveyRoom)
	if !ok {
		return nil, protocol.Errorf(protocol.CodeInternalError, "a survey of another kind: %T", survey)
	}
	handle, err := r.client.Create(ctx, s.survey, cluster.Request{
		Name: request.Name, Key: request.Key, Host: request.Host, Inherit: request.Inherit, Version: version.Version,
		LeaseSeconds: int32(request.Lease.Seconds()),
	})
	if err != nil {
		return nil, err
	}
	return interceptRoom{handle}, nil
}

type surveyRoom struct{ survey *cluster.Survey }

func (r surveyRoom) Target() protocol.Target         { return r.survey.Target }
func (r surveyRoom) Ports() []protocol.PortMapping   { return r.survey.Ports }
func (r surveyRoom) Problems() []protocol.Diagnostic { return r.survey.Problems }
func (r surveyRoom) Err() error                      { return r.survey.Err() }

// interceptRoom is a cluster.Handle as the engine sees it.
type interceptRoom struct{ *cluster.Handle }

func (r interceptRoom) Agent(ctx context.Context) (engine.AgentInfo, error) {
	agent, err := r.WaitAgent(ctx)
	if err != nil {
		return engine.AgentInfo{}, err
	}
	return engine.AgentInfo{Key: agent.Key, Inherited: agent.Inherited, Networks: agent.Networks}, nil
}

func (r interceptRoom) Dial(ctx context.Context) (io.ReadWriteCloser, error) {
	return r.Handle.Dial(ctx)
}

func (r interceptRoom) Status() (engine.InterceptStatus, <-chan struct{}) {
	status, gone, changed := r.Handle.Status()
	return engine.InterceptStatus{
		Live:      status.State == v1alpha1.StateLive,
		Contested: status.State == v1alpha1.StateContested,
		Refused:   status.State == v1alpha1.StateRefused,
		Gone:      gone, Message: status.Message,
	}, changed
}

func (r interceptRoom) Restored(ctx context.Context) ([]string, error) { return r.WaitRestored(ctx) }

// sandboxRoom is a sandbox.Sandbox as the engine sees it.
type sandboxRoom struct {
	sandbox.Sandbox
	dir  string
	link engine.Link
	// environment waits for the app's.
	environment func(ctx context.Context) ([]string, error)
}

// askedMode is the mode of the sandbox that the user forces.
func askedMode() sandbox.Mode { return sandbox.Mode(os.Getenv(sandbox.ModeVariable)) }

// sandboxInfo is a sandbox as editors hear of it.
func sandboxInfo(d sandbox.Description) protocol.SandboxInfo {
	info := protocol.SandboxInfo{Mode: string(d.Mode), Reason: d.Reason, Limits: d.Limits}
	if d.Mode == sandbox.ModeLoopback && askedMode() == sandbox.ModeLoopback {
		info.Reason = sandbox.ModeVariable + "=" + string(sandbox.ModeLoopback) + " asks for it."
	}
	return info
}

func (r sandboxRoom) Info() protocol.SandboxInfo {
	return sandboxInfo(sandbox.Description{Mode: r.Mode(), Reason: r.Reason(), Limits: r.Limits()})
}

func (r sandboxRoom) Become(ctx context.Context, pod *engine.Pod) error {
	return r.Sandbox.Become(ctx, r.pod(pod))
}

// pod is the pod as the sandbox wants it. Where the pod's files are mounted, the
// session's own folder is the last of them: it is needed where it is, whatever of the
// pod covers the folder above.
func (r sandboxRoom) pod(from *engine.Pod) *sandbox.Pod {
	pod := &sandbox.Pod{Hostname: from.Hostname, Resolver: r.link, ResolvConf: []byte(from.ResolvConf)}
	if from.ResolvConf == "" {
		pod.ResolvConf = defaultResolvConf(from.Namespace)
	}
	if from.Hosts != "" {
		pod.Hosts = []byte(from.Hosts)
	}
	for _, text := range from.Addresses {
		if address, err := netip.ParseAddr(text); err == nil {
			pod.Addresses = append(pod.Addresses, address)
		}
	}
	for _, f := range from.Files {
		pod.Mounts = append(pod.Mounts, sandbox.Mount{Path: f.Path, Source: f.Source, ReadOnly: f.ReadOnly})
	}
	if r.Mode() == sandbox.ModeNamespaces {
		pod.Mounts = append(pod.Mounts, sandbox.Mount{Path: r.dir, Source: r.dir})
	}
	return pod
}

// defaultResolvConf finds a namespace's names as the kubelet's does, where nothing of
// the pod is inherited. The address stands for the cluster's resolver.
func defaultResolvConf(namespace string) []byte {
	return fmt.Appendf(nil, "search %s.svc.cluster.local svc.cluster.local cluster.local\nnameserver 169.254.77.3\noptions ndots:5\n", namespace)
}

func (r sandboxRoom) Variables(ctx context.Context, user map[string]*string) (map[string]*string, error) {
	pod, err := r.environment(ctx)
	if err != nil {
		return nil, err
	}
	return debug.Variables(os.Environ(), pod, r.Environ(), user), nil
}

func (r sandboxRoom) Expose(port int) (int, error) {
	return r.Sandbox.Expose(sandbox.Exposure{Port: port})
}

func (r sandboxRoom) Dial(ctx context.Context, source string, port int) (net.Conn, error) {
	// A source that can't be read is shown as none.
	address, _ := netip.ParseAddrPort(source)
	return r.Sandbox.Dial(ctx, address, port)
}

// Listening passes the sandbox's states on, in a goroutine that ends with ctx.
func (r sandboxRoom) Listening(ctx context.Context, port int) <-chan engine.Listening {
	out := make(chan engine.Listening)
	go func() {
		defer close(out)
		for l := range r.WatchListen(ctx, port) {
			select {
			case out <- engine.Listening{Ours: l.PID != 0, Foreign: l.Foreign}:
			case <-ctx.Done():
			}
		}
	}()
	return out
}
