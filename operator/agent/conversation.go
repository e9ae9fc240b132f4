package agent

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/agent/http1"
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
	// awaited: this workstation has ended its connection before anybody spoke, and gets
	// the next one when the caller has.
	awaited *tunnel.Session
	// ex is the request under way, nil between two.
	ex *exchange
	// busy: the caller has begun a request that is not answered yet.
	busy bool
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

var _ relayed = (*conversation)(nil)
