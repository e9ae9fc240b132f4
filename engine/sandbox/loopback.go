package sandbox

import (
	"context"
	"log/slog"
)

// loopback is the sandbox for every machine: the processes are ordinary ones of the
// user, their way into the cluster is a proxy named in their environment, and their
// listeners are the workstation's own.
//
// Its goroutines are those of its parts: the supervisor's, the outbound proxies'
// and the watches'; Close ends them all.
type loopback struct {
	*base
	outbound *outbound
	// reason is why no more faithful mode was taken, "" when none was asked for.
	reason string
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
	b := &loopback{base: newBase(log)}
	b.ports = newPortWatch(newPortFinder(), b.pids)
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
	b.enter, err = newEnterServer(cfg.Dir, starters{inside: startIn(b.super), outside: startIn(b.super)}, b.log)
	if err != nil {
		out.close()
		_ = b.super.close(context.WithoutCancel(ctx), 0)
		return nil, err
	}
	return b, nil
}

// Become has nothing to do: of the pod, this mode gives no more than what the proxies reach.
func (b *loopback) Become(context.Context, *Pod) error { return b.open() }

func (b *loopback) Mode() Mode        { return ModeLoopback }
func (b *loopback) Environ() []string { return b.outbound.environ() }

func (b *loopback) Limits() []string {
	if b.reason == "" {
		return loopbackLimits()
	}
	return append([]string{b.reason}, loopbackLimits()...)
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

func (b *loopback) Close(ctx context.Context) error { return b.closeWith(ctx, b.shutdown) }

// shutdown ends the processes first, so that none of them sees its network go.
func (b *loopback) shutdown(ctx context.Context) error {
	b.enter.close()
	err := b.super.close(ctx, closeGrace)
	b.outbound.close()
	return err
}
