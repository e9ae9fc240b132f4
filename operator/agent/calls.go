package agent

import (
	"net"
	"sync"
	"time"
)

// call is one caller's connection, from its accept to its end.
type call struct {
	conn *net.TCPConn
	// by carries it by request, nil by connection.
	by relayed

	// The rest is guarded by calls.mu.

	// settled: a side has it; client is the workstation's, nil for the origin.
	settled bool
	client  *client
	parted  bool
}

// cut ends a call at once; the caller sees a reset.
func (c *call) cut() {
	if c.by != nil {
		c.by.cut()
		return
	}
	c.reset()
}

func (c *call) reset() {
	_ = c.conn.SetLinger(0)
	_ = c.conn.Close()
}

// relayed is a call that is carried by request.
type relayed interface {
	// part ends it in good order if it has rested for some time.
	part(after time.Duration)
	// cut ends it at once.
	cut()
	// reconsider lets go of a workstation that does not take requests any more.
	reconsider()
}

// calls are all open ones.
type calls struct {
	mu   sync.Mutex
	open map[*call]struct{}
}

// begin takes a call in.
func (cs *calls) begin(c *call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open == nil {
		cs.open = map[*call]struct{}{}
	}
	cs.open[c] = struct{}{}
}

// settle says which side has a call; client is nil for the origin.
func (cs *calls) settle(c *call, by *client) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.settled, c.client = true, by
}

func (cs *calls) end(c *call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}

// workstations are the calls that a workstation has.
func (cs *calls) workstations() []*call {
	return cs.which(func(c *call) bool { return c.client != nil })
}

func (cs *calls) all() []*call { return cs.which(func(*call) bool { return true }) }

func (cs *calls) which(wanted func(*call) bool) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var found []*call
	for c := range cs.open {
		if wanted(c) {
			found = append(found, c)
		}
	}
	return found
}

// part lets go of calls that are idle: answered, and without a byte for some
// time, as kept-alive connections between two requests are. The serving side sees
// the caller's end, and may still answer; the caller sees an end in good order.
func (cs *calls) part(after time.Duration, resting bool) {
	for _, c := range cs.which(func(c *call) bool { return c.by != nil && (resting || c.client != nil) }) {
		c.by.part(after)
	}
	for _, c := range cs.which(func(c *call) bool { return c.by == nil && c.settled && !c.parted }) {
		if !idle(c.conn, after) {
			continue
		}
		cs.mu.Lock()
		c.parted = true
		cs.mu.Unlock()
		_ = c.conn.CloseRead()
	}
}
