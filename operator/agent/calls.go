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
	// resets is told when the caller has seen a reset.
	resets *resets
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
	c.resets.note()
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

// restLimits are after how long without a byte a call that was answered is let go of, by
// the side that has it; 0: never.
type restLimits struct{ workstation, origin time.Duration }

func (p restLimits) with(c *call) time.Duration {
	if c.client != nil {
		return p.workstation
	}
	return p.origin
}

// part lets go of calls that are idle: answered, and without a byte for some
// time, as kept-alive connections between two requests are.
func (cs *calls) part(p restLimits) {
	for c, after := range cs.letGo(p) {
		switch {
		case c.by != nil:
			c.by.part(after)
		case idle(c.conn, after):
			cs.mu.Lock()
			c.parted = true
			cs.mu.Unlock()
			sayGoodbye(c.conn)
		}
	}
}

// letGo are the calls that may be let go of, with how long each must have rested. Who has a call
// changes meanwhile, so both are of one moment.
func (cs *calls) letGo(p restLimits) map[*call]time.Duration {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	found := map[*call]time.Duration{}
	for c := range cs.open {
		if after := p.with(c); after > 0 && !c.parted && (c.by != nil || c.settled) {
			found[c] = after
		}
	}
	return found
}

// sayGoodbye ends an idle connection, the caller's way first: what it would say until it
// hears of the end is lost, and by way of the serving side it would hear later.
func sayGoodbye(conn *net.TCPConn) {
	_ = conn.CloseWrite()
	_ = conn.CloseRead()
}
