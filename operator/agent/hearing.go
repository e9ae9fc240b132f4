package agent

import (
	"errors"
	"io"
	"os"

	"github.com/kubetunnel/kubetunnel/operator/agent/http1"
)

// begin connects as its caller has, and waits for who speaks first. It tells whether
// requests follow. Nothing is read of the caller yet.
func (c *conversation) begin() bool {
	var first [32]byte
	for {
		if !c.awaits() && c.reach(nil) == nil {
			c.call.reset()
			return false
		}
		n, err := peek(c.call.conn, first[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			switch c.resume() {
			case leave:
				return false
			case handOver:
				return c.carryWhole()
			}
			continue
		case err != nil, n == 0:
			return c.carryWhole() // its end is passed on
		}
		switch listenTo(first[:n]) {
		case speaksHTTP1, mayBeH2C:
			return c.speak()
		case speaksH2C:
			return c.carryStreams()
		default:
			return c.carryWhole()
		}
	}
}

// awaits tells whether to connect only when the caller has spoken: a server that ends
// each connection at once would get one after the other.
func (c *conversation) awaits() bool {
	_, session, _ := c.agent.route(c.port.present().ServicePort)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.awaited != session {
		c.awaited = nil
	}
	return c.awaited != nil
}

// speak ends the silence, and tells whether requests follow.
func (c *conversation) speak() bool {
	c.mu.Lock()
	c.silent = false
	t := c.look()
	c.mu.Unlock()
	switch t {
	case leave:
		return false
	case handOver:
		return c.carryWhole()
	}
	return true
}

// next carries one request, and tells whether another one may follow.
func (c *conversation) next() bool {
	length, ok := c.head()
	if !ok {
		return false
	}
	c.mu.Lock()
	c.busy = true // also when it was read together with the one before
	c.mu.Unlock()
	head := c.caller.pending()[:length]
	request, err := http1.ParseRequest(head)
	if err != nil {
		return c.carryWhole()
	}
	if ok = c.await(); !ok {
		return false
	}
	ex := &exchange{request: request}
	if request.Idempotent() {
		ex.head = append([]byte(nil), head...)
	}
	return c.carry(ex, length)
}

// head reads until a request's head is complete.
func (c *conversation) head() (length int, ok bool) {
	c.scan = http1.Scanner{}
	for first := true; ; first = false {
		if !first || len(c.caller.pending()) == 0 {
			if more := c.hear(); !more {
				return 0, false
			}
		}
		said := listenTo(c.caller.pending())
		if c.declared && !c.asked && said == mayBeH2C {
			continue
		}
		if c.declared && !c.asked && said == speaksH2C {
			return 0, c.carryStreams()
		}
		length, err := c.scan.End(c.caller.pending())
		if err != nil || said == speaksOther {
			return 0, c.carryWhole()
		}
		if length > 0 {
			return length, true
		}
		if !c.declared && !c.handOn() {
			return 0, c.carryWhole()
		}
	}
}

// hear reads more of a head. Its end, too, is the serving side's to see.
func (c *conversation) hear() (more bool) {
	for {
		err := c.caller.more()
		switch {
		case err == nil:
			c.mu.Lock()
			c.busy = true
			c.mu.Unlock()
			return true
		case errors.Is(err, errInterrupted):
			if !c.follow() {
				return false
			}
		case errors.Is(err, io.EOF) && c.idle():
			return false
		case errors.Is(err, io.EOF), errors.Is(err, errFull):
			return c.carryWhole()
		default:
			c.cut()
			return false
		}
	}
}

// handOn gives the upstream what there is of the first head on a port that may carry
// anything: who speaks another protocol may wait for an answer to just that.
func (c *conversation) handOn() bool {
	c.mu.Lock()
	up := c.up
	first := up != nil && (c.sent > 0 || !c.asked)
	if first {
		c.asked, c.partly = true, true
		c.countLocked(up.by)
	}
	c.mu.Unlock()
	if !first {
		return true
	}
	n, err := up.Write(c.caller.pending()[c.sent:])
	c.sent += n
	return err == nil
}

// idle tells whether no request is under way, nor a part of one has come.
func (c *conversation) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ex == nil && len(c.caller.pending()) == 0
}
