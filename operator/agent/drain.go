package agent

import (
	"context"
	"sync"
	"time"
)

// drainPoll is how often a draining looks at what is left.
const drainPoll = 10 * time.Millisecond

// drain is the end of an intercept: new calls go to the origin, those that the
// workstation has get a bounded time. Its goroutine ends when that is over, or by stop.
type drain struct {
	stop context.CancelFunc

	mu   sync.Mutex
	done bool
	cut  int64
}

func (d *drain) result() (done bool, cut int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done, d.cut
}

// startDrain begins to drain.
func (a *Agent) startDrain(limit time.Duration) *drain {
	quiet := a.cfg.times.quiet
	ctx, cancel := context.WithCancel(a.ctx)
	d := &drain{stop: cancel}
	a.leaving.Store(true)
	a.group.Go(func() {
		defer cancel()
		a.reconsider()
		left := a.await(ctx, limit, a.calls.workstations, restLimits{workstation: quiet})
		if ctx.Err() != nil {
			return
		}
		for _, c := range left {
			c.cut()
		}
		d.mu.Lock()
		d.done, d.cut = true, int64(len(left))
		d.mu.Unlock()
		a.signal.Notify()
		// The origin's calls are nobody's to cut, but the pod that carries them is
		// about to go: the idle ones are let go of. Who goes on to call may be about to, and
		// most of those end by themselves.
		a.await(ctx, limit, a.calls.all, restLimits{workstation: quiet, origin: restFactor * quiet})
	})
	return d
}

// restFactor is how much longer than the workstation's a call of the origin's must rest
// until it is let go of.
const restFactor = 4

// await waits until no such call is open, letting go of idle ones, and gives what
// is left when the time is over or ctx ends. Connections that rest between two
// requests are let go of last, if at all: most hear with an answer that they should go.
func (a *Agent) await(ctx context.Context, limit time.Duration, open func() []*call, idle restLimits) (left []*call) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		a.calls.part(idle)
		if left = open(); len(left) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return open()
		case <-ctx.Done():
			return left
		}
	}
}

// finish is the end of the pod. New calls go to the origin from now on. Unless
// the operator has taken the Service back and waited already, they still come
// until all nodes have learned that this pod is going. Listeners are closed
// last, then the rest gets a bounded time.
func (a *Agent) finish() {
	a.mu.Lock()
	a.ending = true
	a.leaving.Store(true)
	known := a.desired.Draining || len(a.ports) == 0
	a.mu.Unlock()
	a.reconsider()
	if !known {
		pause(a.ctx, a.cfg.times.linger)
	}
	a.closePorts()
	quiet := a.cfg.times.quiet
	for _, c := range a.await(a.ctx, a.cfg.times.finish, a.calls.all, restLimits{workstation: quiet, origin: quiet}) {
		c.cut()
	}
}
