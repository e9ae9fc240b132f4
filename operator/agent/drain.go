package agent

import (
	"net"
	"sync"
	"time"
)

// drain is the end of an intercept: new connections go to the origin, those of
// the workstation get a bounded time. Its goroutine ends with done.
type drain struct {
	done chan struct{}
	cut  int64 // valid when done is closed
}

// startDrain begins to drain; the agent's lock is held.
func (a *Agent) startDrain(limit time.Duration) *drain {
	d := &drain{done: make(chan struct{})}
	a.drain = d
	clients := make([]*client, 0, len(a.clients))
	for _, c := range a.clients {
		clients = append(clients, c)
	}
	active := func() (n int64) {
		for _, c := range clients {
			n += c.active.Load()
		}
		return n
	}
	a.group.Go(func() {
		defer a.signal.Notify()
		defer close(d.done)
		deadline := time.NewTimer(limit)
		defer deadline.Stop()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for active() > 0 {
			select {
			case <-deadline.C:
				d.cut = active()
				return
			case <-tick.C:
			}
		}
	})
	return d
}

// connections are all open ones, so that the end leaves none behind.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (c *connections) track(conn net.Conn) (untrack func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[net.Conn]struct{}{}
	}
	c.open[conn] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, conn)
	}
}

func (c *connections) cutAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close()
	}
}
