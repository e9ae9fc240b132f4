package agent

import (
	"io"
	"time"

	"github.com/kubetunnel/kubetunnel/operator/control"
)

// cut is an end that the caller sees as a reset.
func (c *conversation) cut() {
	c.call.reset()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.up != nil {
		c.up.reset()
	}
	c.changed.Broadcast()
}

// silentFactor is how much more time than one that was answered a caller gets that has
// only connected: its first request is on its way.
const silentFactor = 4

// part ends it if it rests; the caller sees an end in good order.
func (c *conversation) part(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		after *= silentFactor
	}
	switch {
	case c.streams != nil:
		c.streams.part()
	case c.busy && !c.whole, !idle(c.call.conn, after):
	case c.whole:
		sayGoodbye(c.call.conn)
	case c.restsLocked():
		c.over = true
		c.poke()
	}
}

// restsLocked: nothing is under way, not even a part of a head.
func (c *conversation) restsLocked() bool {
	return c.ex == nil && !c.whole && !c.over && !c.partly
}

// reconsider lets go of a workstation that does not take requests any more, when
// none is under way there.
func (c *conversation) reconsider() {
	p := c.port.present()
	c.mu.Lock()
	if s := c.streams; s != nil {
		c.mu.Unlock()
		s.reconsider()
		return
	}
	defer c.mu.Unlock()
	c.doubtful = !c.restsLocked()
	c.reconsiderLocked(p)
}

func (c *conversation) reconsiderLocked(p control.Port) {
	if c.silent && c.awaited != nil {
		c.poke() // another side may be the one that speaks first
	}
	up := c.up
	if up == nil || up.session == nil || !c.restsLocked() || c.agent.chosen(up, p) {
		return
	}
	c.up = nil
	c.agent.leave(up)
	if c.silent {
		c.poke()
	}
}

// close ends what is left of both sides.
func (c *conversation) close() {
	c.mu.Lock()
	up := c.up
	c.up, c.over = nil, true
	c.countLocked(nil)
	c.mu.Unlock()
	if up != nil {
		c.agent.leave(up)
	}
	_ = c.call.conn.CloseWrite()
	c.linger()
	_ = c.call.conn.Close()
}

// linger takes what a caller has sent that will not be answered, until it has read the
// end of what was: else its kernel would throw that away, with a reset.
func (c *conversation) linger() {
	if !c.farewell {
		return
	}
	_ = c.call.conn.SetReadDeadline(time.Now().Add(c.agent.cfg.times.part))
	_, _ = io.Copy(io.Discard, c.call.conn)
}
