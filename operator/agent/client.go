package agent

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// client is one Intercept's engine.
type client struct {
	agent *Agent

	mu      sync.Mutex
	info    control.Client
	session *tunnel.Session
	// seen: it was attached at least once.
	seen, attached bool
	// gone is closed when the present session is not attached (any more), away is since when.
	gone chan struct{}
	away time.Time
	// way ends with the Intercept, by bar: what the engine has opened towards the cluster
	// ends with it, also while the cluster's last calls end well at the workstation.
	way context.Context
	bar context.CancelFunc
	// servings are the live streams on which the workstation tells its ports; the last one counts.
	servings []*serving

	connections, origin, requests, active, in, out atomic.Int64
}

func newClient(a *Agent, info control.Client) *client {
	c := &client{agent: a, info: info, gone: make(chan struct{}), away: time.Now()}
	c.way, c.bar = context.WithCancel(a.ctx)
	close(c.gone)
	return c
}

// let opens the way to the cluster, or ends it with all that has gone it.
func (c *client) let(open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !open:
		c.bar()
	case c.way.Err() != nil:
		c.way, c.bar = context.WithCancel(c.agent.ctx)
	}
}

func (c *client) presentWay() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.way
}

func (c *client) update(info control.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.info = info
}

func (c *client) lease() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.info.LeaseMillis) * time.Millisecond
}

func (c *client) mayInherit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info.Inherit
}

// adopt makes a session the client's; a former one is given back to be closed.
func (c *client) adopt(s *tunnel.Session) (former *tunnel.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	former = c.session
	if c.attached {
		// Calls that the former session has not accepted are not waited for.
		c.attached, c.away = false, time.Now()
		close(c.gone)
	}
	c.session = s
	c.judge()
	return former
}

// attachedChanged is called by a session of the client, not always the present one.
func (c *client) attachedChanged(bool) {
	c.mu.Lock()
	c.judge()
	c.mu.Unlock()
	c.agent.reconsider()
	c.agent.signal.Notify()
}

func (c *client) judge() {
	now := c.session != nil && c.session.Attached()
	switch {
	case now && !c.attached:
		c.seen, c.gone = true, make(chan struct{})
	case !now && c.attached:
		c.away = time.Now()
		close(c.gone)
	}
	c.attached = now
}

// takes gives the session that takes calls of a Service port now, or nil; gone is
// closed when it can't be reached any more.
func (c *client) takes(servicePort int32) (session *tunnel.Session, gone <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.attached || !slices.Contains(c.info.Ports, servicePort) || !slices.Contains(c.served(), servicePort) {
		return nil, nil
	}
	return c.session, c.gone
}

func (c *client) observe() control.ClientState {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := control.ClientState{
		Intercept: c.info.Intercept, Attached: c.attached, Seen: c.seen,
		Counters: control.Counters{
			Connections: c.connections.Load(), Origin: c.origin.Load(), Requests: c.requests.Load(), Active: c.active.Load(),
			BytesIn: c.in.Load(), BytesOut: c.out.Load(),
		},
	}
	if c.attached {
		state.Serving = slices.Clone(c.served())
	} else {
		state.AwayMillis = time.Since(c.away).Milliseconds()
	}
	return state
}
