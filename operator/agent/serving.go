package agent

import (
	"bufio"
	"encoding/json"
	"slices"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// maxServeLine bounds a ServeState: a Service has 64 ports of interest at most.
const maxServeLine = 16 << 10

// serving is one stream of kind serve, with what was said on it last.
type serving struct {
	ports []int32
}

// handleServe keeps what the workstation serves up to date while the stream
// lives, and answers each word when it holds.
func (c *client) handleServe(s tunnel.Stream) {
	defer func() { _ = s.Close() }()
	v := &serving{}
	c.beginServing(v)
	defer c.endServing(v)
	if s.Accept() != nil {
		return
	}
	lines := bufio.NewScanner(s)
	lines.Buffer(nil, maxServeLine)
	for lines.Scan() {
		var state tunnel.ServeState
		if err := json.Unmarshal(lines.Bytes(), &state); err != nil {
			c.agent.cfg.Log.Warn("serve stream: not a ServeState", "error", err)
			return
		}
		c.setServing(v, state.Ports)
		state.Connections, state.Origin = c.connections.Load(), c.origin.Load()
		state.Requests, state.Active = c.requests.Load(), c.active.Load()
		answer, err := json.Marshal(state)
		if err != nil {
			return
		}
		if _, err := s.Write(append(answer, '\n')); err != nil {
			return
		}
	}
}

func (c *client) beginServing(v *serving) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servings = append(c.servings, v)
}

func (c *client) setServing(v *serving, ports []int32) {
	ports = slices.Compact(slices.Sorted(slices.Values(ports)))
	c.mu.Lock()
	v.ports = ports
	c.mu.Unlock()
	c.agent.reconsider()
	c.agent.signal.Notify()
}

func (c *client) endServing(v *serving) {
	c.mu.Lock()
	c.servings = slices.DeleteFunc(c.servings, func(other *serving) bool { return other == v })
	c.mu.Unlock()
	c.agent.reconsider()
	c.agent.signal.Notify()
}

// served are the Service's ports on which the workstation listens; the lock is held.
func (c *client) served() []int32 {
	if len(c.servings) == 0 {
		return nil
	}
	return c.servings[len(c.servings)-1].ports
}
