package sandbox

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// loopback is the sandbox for every machine: the processes are ordinary ones of the
// user, their way into the cluster is a proxy named in their environment, and their
// listeners are the workstation's own.
//
// Its goroutines are those of its parts: the supervisor's, the outbound proxies'
// and the watches'; Close ends them all.
type loopback struct {
	*base
	dir      string
	outbound *outbound
	// reason is why no more faithful mode was taken, "" when none was asked for.
	reason string
	// files are the pod's, nil until it is known.
	files atomic.Pointer[podTree]

	adopting sync.Mutex
	// adopted are the processes that somebody else has started.
	adopted []processID
}

// NewLoopback makes a sandbox of mode loopback.
func NewLoopback(ctx context.Context, cfg Config, log *slog.Logger) (Sandbox, error) {
	b, err := newLoopback(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func newLoopback(ctx context.Context, cfg Config, log *slog.Logger) (*loopback, error) {
	b := &loopback{base: newBase(log), dir: cfg.Dir}
	b.ports = newPortWatch(newPortFinder(), b.processes)
	out, err := newOutbound(ctx, cfg, b.log)
	if err != nil {
		return nil, err
	}
	b.outbound = out
	b.super, err = newSupervisor(b.ports.kick)
	if err != nil {
		out.close()
		return nil, err
	}
	b.enter, err = newEnterServer(cfg, starters{inside: startIn(b.super), outside: startIn(b.super)}, b.Environ, b.log)
	if err != nil {
		out.close()
		_ = b.super.close(context.WithoutCancel(ctx), 0)
		return nil, err
	}
	if cfg.Pod != nil {
		if err := b.Become(ctx, cfg.Pod); err != nil {
			return nil, errors.Join(err, b.Close(context.WithoutCancel(ctx)))
		}
	}
	return b, nil
}

// Become puts the pod's files together below a folder of the session. Names and
// addresses are what the proxies reach.
func (b *loopback) Become(_ context.Context, pod *Pod) error {
	if err := pod.check(); err != nil {
		return err
	}
	if err := b.open(); err != nil {
		return err
	}
	tree, err := newPodTree(b.dir, pod.Mounts)
	if err != nil {
		return err
	}
	if !b.files.CompareAndSwap(nil, tree) {
		return ErrBecame
	}
	return nil
}

func (b *loopback) Mode() Mode     { return ModeLoopback }
func (b *loopback) Reason() string { return b.reason }

// Environ names the proxies, and the folder of the pod's files if it has any.
func (b *loopback) Environ() []string {
	env := b.outbound.environ()
	if tree := b.files.Load(); tree != nil && tree.path != "" {
		env = append(env, RootVariable+"="+tree.path)
	}
	return env
}

func (b *loopback) Limits() []string {
	limits := loopbackLimits()
	if tree := b.files.Load(); tree != nil {
		limits = append(limits, tree.notes...)
	}
	return limits
}

func (b *loopback) Start(ctx context.Context, cmd Command) (Process, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	cmd, path, err := completeCommand(cmd)
	if err != nil {
		return nil, err
	}
	return b.launch(ctx, b.super, path, cmd)
}

// Adopt takes a process in whose listeners are the session's from now on.
func (b *loopback) Adopt(pid int) error {
	if err := b.open(); err != nil {
		return err
	}
	id, err := ownProcess(pid)
	if err != nil {
		return err
	}
	b.adopting.Lock()
	b.adopted = append(b.adopted, id)
	b.adopting.Unlock()
	b.ports.kick()
	return nil
}

// processes are the session's, also those that it has not started.
func (b *loopback) processes() []int {
	pids := b.pids()
	b.adopting.Lock()
	adopted := b.adopted
	b.adopting.Unlock()
	for _, root := range adopted {
		pids = append(pids, withChildren(root)...)
	}
	return pids
}

// Expose: the listeners are the workstation's own. Only where something is to be done in
// between there is another port.
func (b *loopback) Expose(e Exposure) (int, error) {
	if err := b.open(); err != nil || e.plain() {
		return e.Port, err
	}
	return b.outbound.expose(e, []int{e.At}, func(ctx context.Context) (net.Conn, error) { return b.Dial(ctx, netip.AddrPort{}, e.Port) })
}

func (b *loopback) Close(ctx context.Context) error { return b.closeWith(ctx, b.shutdown) }

// shutdown ends the processes first, so that none of them sees its network go.
func (b *loopback) shutdown(ctx context.Context) error {
	b.enter.close()
	err := b.super.close(ctx, closeGrace)
	b.outbound.close()
	return err
}
