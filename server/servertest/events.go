package servertest

import (
	"context"
	"fmt"

	"github.com/google/go-dap"
)

// WaitEvent waits for the first event that is wanted and that no other wait has taken.
func (d *Debugger) WaitEvent(ctx context.Context, want func(dap.EventMessage) bool) (dap.EventMessage, error) {
	return d.waitEvent(ctx, want, func(dap.EventMessage) bool { return false })
}

// waitEvent gives up when an event tells that the wanted one can't come any more.
func (d *Debugger) waitEvent(ctx context.Context, want, last func(dap.EventMessage) bool) (dap.EventMessage, error) {
	for {
		d.mu.Lock()
		over := false
		for i := range d.events {
			e := &d.events[i]
			if !e.taken && want(e.message) {
				e.taken = true
				d.mu.Unlock()
				return e.message, nil
			}
			over = over || last(e.message)
		}
		err, changed := d.err, d.changed
		d.mu.Unlock()
		switch {
		case err != nil:
			return nil, fmt.Errorf("the debugger has gone: %w", err)
		case over:
			return nil, ErrNever
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for an event: %w", ctx.Err())
		}
	}
}

func named(name string) func(dap.EventMessage) bool {
	return func(e dap.EventMessage) bool { return e.GetEvent().Event == name }
}

// Event waits for an event of a name.
func (d *Debugger) Event(ctx context.Context, name string) (dap.EventMessage, error) {
	e, err := d.WaitEvent(ctx, named(name))
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return e, err
}

// WaitStopped waits until the program stops; ErrNever when it ends instead.
func (d *Debugger) WaitStopped(ctx context.Context) (*dap.StoppedEvent, error) {
	e, err := d.waitEvent(ctx, named("stopped"), named("terminated"))
	if err != nil {
		return nil, fmt.Errorf("stopped: %w; the debug console says:\n%s", err, d.Output())
	}
	stopped, ok := e.(*dap.StoppedEvent)
	if !ok {
		return nil, fmt.Errorf("stopped: %T", e)
	}
	return stopped, nil
}

// WaitTerminated waits for the end of the debug session.
func (d *Debugger) WaitTerminated(ctx context.Context) error {
	_, err := d.Event(ctx, "terminated")
	return err
}

// WaitExited waits for the end of the program, and gives its exit code.
func (d *Debugger) WaitExited(ctx context.Context) (int, error) {
	e, err := d.Event(ctx, "exited")
	if err != nil {
		return -1, err
	}
	exited, ok := e.(*dap.ExitedEvent)
	if !ok {
		return -1, fmt.Errorf("exited: %T", e)
	}
	return exited.Body.ExitCode, nil
}
