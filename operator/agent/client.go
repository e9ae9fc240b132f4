package agent

import (
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
	seen    bool
	// away is since when it has not been attached, by the monotonic clock.
	away     time.Time
	attached bool
	// serving are the Service's ports on which the workstation listens, told on the stream serve.
	serving []int32
	serve   tunnel.Stream

	connections, origin, active, in, out atomic.Int64
}

func newClient(a *Agent, info control.Client) *client {
	return &client{agent: a, info: info, away: time.Now()}
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

// adopt makes a session the client's; a former one is given back to be closed.
func (c *client) adopt(s *tunnel.Session) (former *tunnel.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	former = c.session
	c.session, c.serving, c.serve, c.seen = s, nil, nil, true
	c.judge()
	return former
}

// attachedChanged is called by a session of the client, not always the present one.
func (c *client) attachedChanged(bool) {
	c.mu.Lock()
	c.judge()
	c.mu.Unlock()
	c.agent.signal.Notify()
}

func (c *client) judge() {
	now := c.session != nil && c.session.Attached()
	if c.attached && !now {
		c.away = time.Now()
	}
	c.attached = now
}

// takes gives the session that takes calls of a Service port now, or nil.
func (c *client) takes(servicePort int32) *tunnel.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.attached || !slices.Contains(c.info.Ports, servicePort) || !slices.Contains(c.serving, servicePort) {
		return nil
	}
	return c.session
}

func (c *client) mayInherit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info.Inherit
}

// setServing takes the workstation's word, if it comes on the stream that counts.
func (c *client) setServing(s tunnel.Stream, ports []int32) {
	c.mu.Lock()
	if c.serve == s {
		c.serving = slices.Clone(ports)
	}
	c.mu.Unlock()
	c.agent.signal.Notify()
}

// beginServing makes a stream the one that counts.
func (c *client) beginServing(s tunnel.Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serve, c.serving = s, nil
}

func (c *client) observe() control.ClientState {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := control.ClientState{
		Intercept: c.info.Intercept, Attached: c.attached, Seen: c.seen, Serving: slices.Clone(c.serving),
		Counters: control.Counters{
			Connections: c.connections.Load(), Origin: c.origin.Load(), Active: c.active.Load(), BytesIn: c.in.Load(), BytesOut: c.out.Load(),
		},
	}
	if !c.attached {
		state.AwayMillis = time.Since(c.away).Milliseconds()
	}
	return state
}
