package agent

import (
	"bytes"
	"errors"
	"io"

	"github.com/kubetunnel/kubetunnel/operator/agent/http1"
)

// answers hands back what an upstream says, until its end, or until the connection
// is carried whole.
func (c *conversation) answers(up *upstream) {
	defer close(up.done)
	defer up.src.giveBack()
	for c.answer(up) {
	}
}

// answer hands back one answer, and tells whether another one may follow.
func (c *conversation) answer(up *upstream) bool {
	for {
		length, err := c.answerHead(up)
		if err != nil {
			c.lost(up, err)
			return false
		}
		ex := c.begun(up)
		if ex == nil {
			return false
		}
		response, err := http1.ParseResponse(up.src.pending()[:length], ex.request.Method)
		if err != nil || c.isLast(ex, &response) {
			c.toWhole()
			return false
		}
		if response.Interim() {
			ex.request.Expect = ex.request.Expect && response.Status != 100
		}
		away := !response.Interim() && c.agent.leaving.Load()
		if away {
			err = c.sendAway(up, &length)
		}
		if err == nil {
			err = up.src.pass(length, &response.Body, answerWriter{c, up})
		}
		if err != nil {
			c.lost(up, err)
			return false
		}
		if !response.Interim() {
			return c.answeredWhole(ex, away)
		}
	}
}

// answerHead reads until a response's head is complete. What comes while no request
// is under way is not an answer, and carried whole.
func (c *conversation) answerHead(up *upstream) (length int, err error) {
	var scan http1.Scanner
	for {
		if len(up.src.pending()) > 0 {
			if c.asking(up) == nil {
				if c.greets(up) {
					return 0, errGreeting
				}
				return 0, http1.ErrAmbiguous
			}
			if length, err = scan.End(up.src.pending()); length > 0 || err != nil {
				return length, err
			}
		}
		if err = up.src.more(); err != nil {
			return 0, err
		}
	}
}

// errGreeting: a server of HTTP/2 has sent its first frame before its caller spoke.
var errGreeting = errors.New("a SETTINGS frame")

// settings is how such a frame begins (RFC 9113 section 6.5), behind its length.
var settings = []byte{4, 0, 0, 0, 0, 0}

// greets: servers of HTTP/2 need not wait for their caller (RFC 9113 section 3.4).
func (c *conversation) greets(up *upstream) bool {
	b := up.src.pending()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent && c.declared && len(b) >= 3+len(settings) && b[0] == 0 && bytes.Equal(b[3:3+len(settings)], settings)
}

// asking is the exchange that an upstream is to answer, if any.
func (c *conversation) asking(up *upstream) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up != up || c.ex == nil || c.ex.answered {
		return nil
	}
	return c.ex
}

// begun notes that the caller is about to get the first byte of an answer.
func (c *conversation) begun(up *upstream) *exchange {
	ex := c.asking(up)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ex != nil {
		ex.begun = true
	}
	return ex
}

// isLast: the connection ends with this answer, or changes its protocol, or what
// follows of the caller can't be told apart: it need not send the body that it
// announced when the answer came before the 100 that it waited for.
func (c *conversation) isLast(ex *exchange, r *http1.Response) bool {
	if r.Interim() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.Switch || r.Close || ex.request.Close || ex.request.Expect && !ex.sent
}

// toWhole makes run carry the rest by connection.
func (c *conversation) toWhole() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole, c.silent = true, false
	c.poke()
}

// answeredWhole notes that an answer has ended, and tells whether to go on.
func (c *conversation) answeredWhole(ex *exchange, away bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ex.answered = true
	if away {
		c.over, c.farewell = true, true
	}
	c.finishLocked(ex)
	if away {
		c.poke()
	}
	return !c.over
}

// sendAway hands a head back with a line more, which tells the caller to use another
// connection: this one is about to go. Nothing else that passes is changed.
func (c *conversation) sendAway(up *upstream, length *int) error {
	end := *length - len("\r\n")
	head := append([]byte(nil), up.src.pending()[:end]...)
	_, err := answerWriter{c, up}.Write(append(head, "Connection: close\r\n\r\n"...))
	up.src.skip(*length)
	*length = 0
	if err != nil {
		c.call.reset() // there is no way back to the bytes as they were
		return errWrite{err}
	}
	return nil
}

// answerWriter writes to the caller.
type answerWriter struct {
	c  *conversation
	up *upstream
}

func (w answerWriter) Write(b []byte) (int, error) {
	n, err := w.c.call.conn.Write(b)
	if w.up.by != nil {
		w.up.by.out.Add(int64(n))
	}
	return n, err
}

// lost is the end of an upstream, or of what can be told apart of it.
func (c *conversation) lost(up *upstream, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var unwritten errWrite
	isEnd := errors.Is(err, io.EOF)
	chosen := c.agent.chosen(up, c.port.present())
	switch {
	case c.up != up || c.whole || c.over, errors.Is(err, errGreeting):
		// It was left, or is handed over.
	case errors.Is(err, http1.ErrAmbiguous), errors.Is(err, errFull):
		c.whole, c.silent = true, false
		c.poke()
	case errors.As(err, &unwritten):
		c.over = true
		c.poke()
	case c.ex == nil && !c.partly && (!c.silent || !chosen || c.declared && up.session != nil):
		// It rested: the next request gets another one. Not so of an origin that ends before
		// anybody has spoken: another connection may end as soon, and the caller sees it.
		c.up = nil
		c.agent.leave(up)
		if c.silent && chosen {
			c.awaited = up.session
		} else if c.silent {
			c.poke()
		}
	case c.ex != nil && c.ex.answered && isEnd:
		c.ex.ended = true // it may still take the rest of the request
	case c.ex != nil && !c.ex.begun && len(up.src.pending()) == 0:
		c.ex.broken, c.ex.cut = true, !isEnd
		c.poke()
	case isEnd:
		// The caller sees the end of it, after what there was.
		c.whole, c.silent = true, false
		c.poke()
	default:
		c.breakOff(up)
	}
}

// breakOff passes a reset on, after what came before it; the lock is held.
func (c *conversation) breakOff(up *upstream) {
	c.over = true
	rest := append([]byte(nil), up.src.pending()...)
	c.agent.group.Go(func() {
		_, _ = c.call.conn.Write(rest)
		c.call.reset()
	})
	c.changed.Broadcast()
}
