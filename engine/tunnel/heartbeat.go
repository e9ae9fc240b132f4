package tunnel

import "time"

// beat asks for a sign of life each heartbeat, and ends a transport that is silent.
func (t *transport) beat() {
	timer := time.NewTimer(t.pipe.timingNow().heartbeat)
	defer timer.Stop()
	last, since := t.heard.Load(), time.Now()
	for {
		select {
		case <-t.ended:
			return
		case <-timer.C:
		}
		clocks := t.pipe.timingNow()
		if heard := t.heard.Load(); heard != last {
			last, since = heard, time.Now()
		} else if time.Since(since) >= clocks.silence && !t.stuck() {
			t.end()
			return
		}
		t.askPing()
		timer.Reset(clocks.heartbeat)
	}
}

func (t *transport) askPing() {
	p := t.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	t.ping = true
	p.sendable.Signal()
	p.in.trim()
	p.out.trim()
}

// stuck tells whether it is this side that does not read: then silence means nothing.
func (t *transport) stuck() bool {
	t.pipe.mu.Lock()
	defer t.pipe.mu.Unlock()
	return t.pipe.in.n >= receiveLimit
}
