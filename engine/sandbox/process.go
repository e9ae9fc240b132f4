package sandbox

import (
	"context"
	"os"
)

// process is a started process with the pumps of its stdio.
type process struct {
	super *supervisor
	child *childProcess
	stdio *stdio
}

func (p *process) PID() int { return p.child.pid }

func (p *process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.child.exit:
	case <-ctx.Done():
		return -1, ctx.Err()
	}
	p.stdio.drain(ctx)
	return p.child.status, p.child.err
}

func (p *process) Signal(sig os.Signal) error { return p.super.signal(p.child, sig) }

func (p *process) End(ctx context.Context) error { return p.super.end(ctx, p.child) }
