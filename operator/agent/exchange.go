package agent

import (
	"errors"
	"io"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// reach gives the upstream of the side that is chosen now, and begins the exchange
// on it: the one that is open if it is of that side, else a new one. nil: the origin
// can't be reached either.
func (c *conversation) reach(ex *exchange) *upstream {
	p := c.port.present()
	c.mu.Lock()
	if up := c.up; up != nil {
		if c.partly || c.agent.chosen(up, p) {
			c.beginLocked(ex, up)
			c.mu.Unlock()
			return up
		}
		c.up = nil
		c.agent.leave(up)
	}
	c.mu.Unlock()
	up := c.agent.reach(c.call, p, true)
	if up == nil {
		return nil
	}
	up.src, up.done = newSource(up.conn), make(chan struct{})
	c.mu.Lock()
	over := c.over
	if !over {
		c.up = up
		c.beginLocked(ex, up)
	}
	c.mu.Unlock()
	if over {
		up.reset()
		return nil
	}
	c.agent.group.Go(func() { c.answers(up) })
	if ex == nil {
		c.reconsider() // it may have been told to stop meanwhile
	}
	return up
}

func (c *conversation) beginLocked(ex *exchange, up *upstream) {
	c.ex = ex
	if ex == nil {
		return
	}
	c.asked, c.partly, up.instead = true, false, nil
	if up.by != nil {
		up.by.requests.Add(1)
	}
	c.countLocked(up.by)
}

// carry hands a request on, whose head is pending.
func (c *conversation) carry(ex *exchange, length int) bool {
	up := c.reach(ex)
	if up == nil {
		c.call.reset()
		return false
	}
	c.caller.skip(c.sent)
	length, c.sent = length-c.sent, 0
	behind := len(c.caller.pending()) - length
	err := c.caller.pass(length, &ex.request.Body, up)
	var unwritten errWrite
	switch {
	case err == nil:
	case errors.As(err, &unwritten):
		// The answer may be there all the same, and the upstream's end will be.
		if ex.head != nil {
			c.caller.skip(len(c.caller.pending()) - behind) // it is not the next one's
		}
	case errors.Is(err, errInterrupted):
		return c.follow()
	default:
		// The caller's end in the midst of a request, or what can't be told apart.
		return c.carryWhole()
	}
	return c.said(ex, err != nil)
}

// said notes that nothing more of a request is handed on, and tells whether another one
// may follow: also when its upstream did not take it, and it was answered when made again.
func (c *conversation) said(ex *exchange, unsent bool) bool {
	c.mu.Lock()
	ex.sent, ex.unsent = true, unsent
	c.finishLocked(ex)
	c.mu.Unlock()
	return !unsent || c.await()
}

// carryAgain makes a request again that got no answer, if that may be done.
func (c *conversation) carryAgain() bool {
	c.mu.Lock()
	ex, up := c.ex, c.up
	c.ex, c.up = nil, nil
	c.mu.Unlock()
	up.reset()
	if ex.head == nil || ex.again || !ex.sent {
		// It sees what it would have seen of the server.
		if ex.cut {
			c.call.reset()
		}
		return false
	}
	again := &exchange{request: ex.request, head: ex.head, again: true}
	up = c.reach(again)
	if up == nil {
		c.call.reset()
		return false
	}
	_, err := up.Write(ex.head)
	return c.said(again, err != nil)
}

// finishLocked ends an exchange of which both halves have ended.
func (c *conversation) finishLocked(ex *exchange) {
	if !ex.sent || !ex.answered || c.ex != ex {
		return
	}
	c.ex, c.busy = nil, false
	if !c.whole {
		c.countLocked(nil)
	}
	switch {
	case ex.ended:
		c.agent.leave(c.up)
		c.up = nil
	case c.doubtful && !c.whole:
		c.doubtful = false
		c.reconsiderLocked(c.port.present())
	}
	if ex.unsent {
		c.over = true // as its server has ended it
	}
	if c.over {
		c.poke()
	}
	c.changed.Broadcast()
}

// carryWhole carries the rest by connection, and returns when both sides have ended.
func (c *conversation) carryWhole() bool {
	up := c.keep()
	if up == nil {
		return false
	}
	// Who carries answers may wait for bytes, or for a caller that reads none.
	_ = up.conn.SetReadDeadline(past)
	_ = c.call.conn.SetWriteDeadline(past)
	<-up.done
	_ = up.conn.SetReadDeadline(time.Time{})
	_ = c.call.conn.SetDeadline(time.Time{})
	var in, out int64
	if c.ex != nil && c.ex.unsent {
		out, c.farewell = c.lastAnswer(up), true
	} else {
		c.caller.skip(c.sent)
		in, out = c.call.carried(tunnel.SpliceAfter(c.call.conn, up.conn, c.caller.pending(), up.src.pending()))
	}
	if up.by != nil {
		up.by.in.Add(in)
		up.by.out.Add(out)
	}
	return false
}

// keep gives the upstream that has the caller's connection from now on.
func (c *conversation) keep() *upstream {
	c.mu.Lock()
	choose := c.up == nil || !c.whole && c.ex == nil
	c.mu.Unlock()
	if choose && c.reach(nil) == nil {
		c.call.reset()
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.up == nil {
		return nil
	}
	c.whole, c.silent = true, false
	c.countLocked(c.up.by)
	return c.up
}

// lastAnswer hands back what is left of the answer to a request that was not taken whole.
func (c *conversation) lastAnswer(up *upstream) (n int64) {
	if written, err := c.call.conn.Write(up.src.pending()); err == nil {
		n, _ = io.Copy(c.call.conn, up.conn)
		n += int64(written)
	}
	return n
}

// carryStreams carries HTTP/2, and returns when the caller's connection has ended.
func (c *conversation) carryStreams() bool {
	c.mu.Lock()
	if c.look() != goOn {
		c.mu.Unlock()
		return c.carryWhole()
	}
	up := c.up
	s := newStreams(c.agent, c.call, c.port)
	c.up, c.silent, c.streams = nil, false, s
	_ = c.call.conn.SetDeadline(time.Time{})
	c.mu.Unlock()
	if up != nil {
		_ = up.conn.SetReadDeadline(past)
		<-up.done
		_ = up.conn.SetReadDeadline(time.Time{})
		up.done = nil
		s.mu.Lock()
		s.first = up
		s.mu.Unlock()
		s.reconsider() // it may have been told to stop meanwhile
	}
	s.run(c.caller.pending())
	return false
}
