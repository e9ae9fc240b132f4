package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// closeGrace is what processes get to end by themselves after SIGTERM.
const closeGrace = 2 * time.Second

// loopback is the sandbox for every machine: the processes are ordinary ones of the
// user, their way into the cluster is a proxy named in their environment, and their
// listeners are the workstation's own.
//
// Its goroutines are those of its parts: the supervisor's, the outbound proxies'
// and the watches'; Close ends them all.
type loopback struct {
	log      *slog.Logger
	super    *supervisor
	outbound *outbound
	enter    *enterServer
	ports    *portWatch

	closing sync.Once
	closed  chan struct{} // Close was called
	ended   chan struct{} // and everything has ended
	err     error

	mu    sync.Mutex
	pipes map[*stdio]struct{}
}

// NewLoopback makes a sandbox of mode loopback.
func NewLoopback(ctx context.Context, cfg Config, log *slog.Logger) (Sandbox, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &loopback{
		log: log, closed: make(chan struct{}), ended: make(chan struct{}),
		pipes: map[*stdio]struct{}{},
	}
	b.ports = newPortWatch(newPortFinder(), b.pids)
	out, err := newOutbound(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	b.outbound = out
	b.super, err = newSupervisor(b.ports.kick)
	if err != nil {
		out.close()
		return nil, err
	}
	b.enter, err = newEnterServer(cfg.Dir, b.super, log)
	if err != nil {
		out.close()
		_ = b.super.close(context.WithoutCancel(ctx), 0)
		return nil, err
	}
	return b, nil
}

func (b *loopback) Mode() Mode        { return ModeLoopback }
func (b *loopback) Limits() []string  { return loopbackLimits() }
func (b *loopback) Environ() []string { return b.outbound.environ() }

func (b *loopback) Enter(args []string) ([]string, error) {
	select {
	case <-b.closed:
		return nil, ErrClosed
	default:
		return b.enter.command(args)
	}
}

func (b *loopback) Start(ctx context.Context, cmd Command) (Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-b.closed:
		return nil, ErrClosed
	default:
	}
	cmd, path, err := completeCommand(cmd)
	if err != nil {
		return nil, err
	}
	pipes, err := newStdio(cmd)
	if err != nil {
		return nil, err
	}
	child, err := b.super.start(path, cmd, pipes.files)
	pipes.started()
	if err != nil {
		pipes.close()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	b.mu.Lock()
	b.pipes[pipes] = struct{}{}
	b.mu.Unlock()
	b.ports.kick()
	b.log.Debug("process started", "pid", child.pid, "path", path)
	return &process{super: b.super, child: child, stdio: pipes}, nil
}

func (b *loopback) WatchListen(ctx context.Context, port int) <-chan Listening {
	return b.ports.watch(ctx, b.closed, port)
}

// pids lists the session's processes.
func (b *loopback) pids() []int {
	tree := b.super.tree()
	pids := make([]int, len(tree))
	for i, p := range tree {
		pids[i] = p.pid
	}
	return pids
}

func (b *loopback) Close(ctx context.Context) error {
	b.closing.Do(func() {
		close(b.closed)
		go func() {
			defer close(b.ended)
			b.err = b.shutdown(ctx)
		}()
	})
	select {
	case <-b.ended:
		return b.err
	case <-ctx.Done():
	}
	// The shutdown follows the first caller's context and is about to give up as well.
	select {
	case <-b.ended:
		return b.err
	case <-time.After(2 * time.Second):
		return ctx.Err()
	}
}

// shutdown ends the processes first, so that none of them sees its network go.
func (b *loopback) shutdown(ctx context.Context) error {
	b.enter.close()
	err := b.super.close(ctx, closeGrace)
	b.outbound.close()
	b.mu.Lock()
	pipes := b.pipes
	b.pipes = map[*stdio]struct{}{}
	b.mu.Unlock()
	for p := range pipes {
		p.close()
	}
	return err
}
