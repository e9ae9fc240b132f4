package agent

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/operator/agent/http1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// conversation is one caller's connection that is relayed by request, if it is of
// HTTP. Two goroutines carry it, as they would carry it by connection: run's, which
// owns caller and hands requests on, and one for each upstream, which hands answers
// back, and ends with the upstream or when it is handed over. What each has to know
// of the other is under mu; run is interrupted in a read by a deadline that is over.
type conversation struct {
	agent    *Agent
	call     *call
	port     *port
	declared bool // its callers speak HTTP, for sure

	caller source
	scan   http1.Scanner // of the head that is coming
	// sent is what the upstream has already of that head.
	sent int
	// farewell: the caller is sent away by an answer, and may have sent more.
	farewell bool

	mu      sync.Mutex
	changed sync.Cond
	// silent: nothing has been said by either side. asked: the head of a request was
	// handed on, in part at least. partly: only in part.
	silent, asked, partly bool
	up                    *upstream
	// ex is the request under way, nil between two.
	ex *exchange
	// doubtful: the side is to be reconsidered when no request is under way any more.
	doubtful bool
	// whole: what follows is carried by connection. over: it has ended.
	whole, over bool
	counted     *client  // whose active counts this
	streams     *streams // has it instead, when it is of HTTP/2
}

// exchange is one request with its answer.
type exchange struct {
	request http1.Request
	head    []byte // of a request that may be made again
	// sent and answered: wholly. begun: the caller has a byte of the answer.
	sent, begun, answered bool
	// unsent: the upstream did not take all of the request.
	unsent bool
	// broken: the upstream ended before a byte of its answer; cut: by a reset. again:
	// it is made for the second time.
	broken, cut, again bool
	// ended: the upstream ended after its answer.
	ended bool
}

func newConversation(a *Agent, call *call, p *port, declared bool) *conversation {
	c := &conversation{agent: a, call: call, port: p, declared: declared, silent: true}
	c.changed.L = &c.mu
	c.caller = newSource(callerReader{c})
	return c
}

// run carries it to its end.
func (c *conversation) run() {
	defer c.close()
	if c.begin() {
		for c.next() {
		}
	}
}

// turn is what run has to do next.
type turn int

const (
	goOn turn = iota
	handOver
	tryAgain
	leave
)

// look tells what has happened; the lock is held.
func (c *conversation) look() turn {
	switch {
	case c.over:
		return leave
	case c.whole:
		return handOver
	case c.ex != nil && c.ex.broken:
		return tryAgain
	}
	return goOn
}

// poke makes run look; the lock is held.
func (c *conversation) poke() {
	_ = c.call.conn.SetReadDeadline(past)
	c.changed.Broadcast()
}

var past = time.Unix(1, 0)

var errInterrupted = errors.New("something has happened meanwhile")

// callerReader reads for run, which alone does so.
type callerReader struct{ c *conversation }

func (r callerReader) Read(b []byte) (int, error) {
	for {
		n, err := r.c.call.conn.Read(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if r.c.resume() != goOn {
			return n, errInterrupted
		}
		if n > 0 {
			return n, nil
		}
	}
}

// resume ends an interruption.
func (c *conversation) resume() turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.call.conn.SetReadDeadline(time.Time{})
	return c.look()
}

// begin connects as its caller has, and waits for who speaks first. It tells whether
// requests follow. Nothing is read of the caller yet.
func (c *conversation) begin() bool {
	var first [32]byte
	for {
		if c.reach(nil) == nil {
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

// await waits until the former request is answered: requests are handed on one by one.
func (c *conversation) await() bool {
	for {
		c.mu.Lock()
		for c.ex != nil && c.look() == goOn {
			c.changed.Wait()
		}
		t := c.look()
		c.mu.Unlock()
		if t == goOn {
			return true
		}
		if !c.follow() {
			return false
		}
	}
}

// follow does what has to be done, and tells whether requests may follow.
func (c *conversation) follow() bool {
	c.mu.Lock()
	t := c.look()
	c.mu.Unlock()
	switch t {
	case goOn:
		return true
	case handOver:
		return c.carryWhole()
	case tryAgain:
		return c.carryAgain()
	}
	return false
}

// end is its end in good order, cut is one that the caller sees as a reset.
func (c *conversation) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.poke()
}

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

// part ends it if it rests; the caller sees an end in good order.
func (c *conversation) part(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.streams != nil:
		c.streams.part()
	case !idle(c.call.conn, after):
	case c.whole:
		_ = c.call.conn.CloseRead()
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

// countLocked makes it count as under way at a workstation; nil: at none.
func (c *conversation) countLocked(by *client) {
	if c.counted != by {
		if c.counted != nil {
			c.counted.active.Add(-1)
		}
		if by != nil {
			by.active.Add(1)
		}
		c.counted = by
	}
	c.agent.calls.settle(c.call, by)
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

var _ relayed = (*conversation)(nil)
