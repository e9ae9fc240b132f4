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

// base is what every mode has: an init with the session's processes, the socket
// by which others join, and the watch of the ports.
//
// Its goroutines are those of its parts, and one that shuts down; all have ended
// when ended is closed.
type base struct {
	log   *slog.Logger
	super *supervisor
	enter *enterServer
	ports *portWatch

	closing sync.Once
	closed  chan struct{} // Close was called
	ended   chan struct{} // and everything has ended
	err     error

	mu    sync.Mutex
	pipes map[*stdio]struct{}
}

func newBase(log *slog.Logger) *base {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &base{log: log, closed: make(chan struct{}), ended: make(chan struct{}), pipes: map[*stdio]struct{}{}}
}

// open fails when the sandbox was closed.
func (b *base) open() error {
	select {
	case <-b.closed:
		return ErrClosed
	default:
		return nil
	}
}

// Memory: there is none, but in namespaces.
func (b *base) Memory() string { return "" }

func (b *base) Enter(args []string) ([]string, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	return b.enter.command(args)
}

func (b *base) Leave(args []string) ([]string, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	return b.enter.outside(args)
}

// launch starts a command below an init; path is "" when the init is to find it.
func (b *base) launch(ctx context.Context, super *supervisor, path string, cmd Command) (Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	pipes, err := newStdio(cmd)
	if err != nil {
		return nil, err
	}
	child, err := super.start(path, cmd, pipes.files)
	pipes.started()
	if err != nil {
		pipes.close()
		return nil, fmt.Errorf("starting %s: %w", cmd.Args[0], err)
	}
	b.mu.Lock()
	b.pipes[pipes] = struct{}{}
	b.mu.Unlock()
	b.ports.kick()
	b.log.Debug("process started", "pid", child.pid, "program", cmd.Args[0])
	return &process{super: super, child: child, stdio: pipes}, nil
}

func (b *base) WatchListen(ctx context.Context, port int) <-chan Listening {
	return b.ports.watch(ctx, b.closed, port)
}

// pids lists the session's processes.
func (b *base) pids() []int {
	tree := b.super.tree()
	pids := make([]int, len(tree))
	for i, p := range tree {
		pids[i] = p.pid
	}
	return pids
}

func (b *base) Processes() []Running {
	var all []Running
	for _, pid := range b.pids() {
		if p, there := lookAtProcess(pid); there {
			all = append(all, p)
		}
	}
	return all
}

// closeWith runs shutdown once and waits for it.
func (b *base) closeWith(ctx context.Context, shutdown func(context.Context) error) error {
	b.closing.Do(func() {
		close(b.closed)
		go func() {
			defer close(b.ended)
			b.err = shutdown(ctx)
			b.closePipes()
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

func (b *base) closePipes() {
	b.mu.Lock()
	pipes := b.pipes
	b.pipes = map[*stdio]struct{}{}
	b.mu.Unlock()
	for p := range pipes {
		p.close()
	}
}
