package tunnel

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// watcher tells an observer whether a pipe is attached, on each change and in
// order. A change back and forth while the observer is busy is not told.
type watcher struct {
	mu       sync.Mutex
	observer func(bool)
	told     bool
	telling  bool
}

// observe sets the observer and tells it that the pipe is attached, if it is.
func (p *pipe) observe(observer func(bool)) {
	p.watcher.mu.Lock()
	p.watcher.observer = observer
	p.watcher.mu.Unlock()
	p.tell()
}

func (p *pipe) tell() {
	w := &p.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.telling || w.observer == nil {
		return // who tells looks again afterwards
	}
	w.telling = true
	for now := p.isAttached(); now != w.told; now = p.isAttached() {
		w.told = now
		w.mu.Unlock()
		w.observer(now)
		w.mu.Lock()
	}
	w.telling = false
}

var errReplaced = errors.New("replaced by a newer transport")

// claim ends the present transport, if there is one: no more bytes come in until
// attach. It tells how many have, and the claim's number.
func (p *pipe) claim() (received, claim uint64) {
	p.mu.Lock()
	p.claims++
	claim = p.claims
	t := p.current
	p.mu.Unlock()
	if t != nil {
		t.end()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.received, claim
}

// attach lets a pipe go on over a connection: the far side has the pipe's bytes
// up to received. It fails when somebody has claimed the pipe since.
func (p *pipe) attach(conn io.ReadWriteCloser, received, claim uint64) error {
	t := &transport{pipe: p, conn: conn, began: time.Now(), ended: make(chan struct{})}
	if err := p.put(t, received, claim); err != nil {
		return err
	}
	go t.read()
	go t.write()
	go t.beat()
	p.tell()
	return nil
}

func (p *pipe) put(t *transport, received, claim uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return p.err
	case p.closing:
		return ErrClosed
	case claim != p.claims || p.current != nil:
		return errReplaced
	}
	if err := p.release(received); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	p.next = received
	p.acked = p.received // told in the greeting
	p.current = t
	p.stats.Transports++
	close(p.back)
	p.lost = make(chan struct{})
	return nil
}

// detach is the end of a transport.
func (p *pipe) detach(t *transport) {
	p.mu.Lock()
	last := p.current == t
	if last {
		p.current = nil
		close(p.lost)
		p.back = make(chan struct{})
		if p.secret == nil {
			p.failLocked(fmt.Errorf("the connection ended before the tunnel was set up: %w", io.ErrUnexpectedEOF))
		}
	}
	p.wake()
	p.mu.Unlock()
	if last {
		p.tell()
	}
}

// isAttached tells whether a transport carries the pipe now.
func (p *pipe) isAttached() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && p.err == nil
}

// failure is why the pipe ended.
func (p *pipe) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *pipe) secretNow() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secret
}

func (p *pipe) timingNow() timing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timing
}

// backNow is closed when the pipe has a transport again.
func (p *pipe) backNow() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.back
}

// lostNow is closed when the present transport has ended.
func (p *pipe) lostNow() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

func (p *pipe) statsNow() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Sent, s.Received, s.Unacknowledged = p.out.end(), p.received, p.out.n
	return s
}
