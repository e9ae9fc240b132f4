package tunnel

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// replayLimit bounds what is kept for a new transport, and so what is under way at once.
	replayLimit = 16 << 20
	// bulkLimit is when streams stop to write data; the rest of replayLimit is for
	// what opens and closes them, so that those never wait.
	bulkLimit = 8 << 20
	// receiveLimit bounds what was received and not read.
	receiveLimit = 1 << 20
	// ackEvery is how many bytes may come in before they are acknowledged by themselves.
	ackEvery = 256 << 10
	// flushTimeout is how long a goodbye lets data go first. goodbyeTimeout bounds the silence
	// in which the far side's answer is waited for, goodbyeLimit the whole wait: an answer
	// comes behind what a busy far side has sent before.
	flushTimeout   = 250 * time.Millisecond
	goodbyeTimeout = time.Second
	goodbyeLimit   = 10 * time.Second
)

// pipe is a stream of bytes both ways that survives its transports, once it has
// a secret to resume them with. It is a net.Conn without deadlines: those who
// wait in it are let go by fail.
//
// Goroutines: a reader, a writer and a heartbeat per transport (transport.go),
// ended by the transport's end. The pipe itself has none.
type pipe struct {
	id      pipeID
	watcher watcher

	mu sync.Mutex
	// What is waited for: bytes to read, room to write, something to send, room for what comes in.
	readable, writable, sendable, takeable sync.Cond

	timing timing
	out    replay
	// next is the offset to send next on the present transport.
	next uint64
	in   ring
	// received counts bytes taken in; acked is what the far side was told of that.
	received, acked uint64
	current         *transport
	// claims counts attempts to replace the transport: only the last one may.
	claims  uint64
	secret  []byte // nil until TLS is up
	closing bool   // a goodbye follows what was written,
	hurry   bool   // or is sent at once
	err     error
	done    chan struct{}
	lost    chan struct{} // closed while there is no transport
	back    chan struct{} // closed while there is one
	stats   Stats

	// full is there while more than bulkLimit is held, and closed afterwards.
	full atomic.Pointer[chan struct{}]
}

// timing are a pipe's clocks.
type timing struct {
	heartbeat, silence time.Duration
}

func newPipe(id pipeID, t timing) *pipe {
	p := &pipe{
		id: id, timing: t, out: replay{limit: replayLimit},
		done: make(chan struct{}), lost: make(chan struct{}), back: make(chan struct{}),
	}
	close(p.lost)
	for _, c := range []*sync.Cond{&p.readable, &p.writable, &p.sendable, &p.takeable} {
		c.L = &p.mu
	}
	return p
}

// Read reads what came in, in order, whichever transport brought it.
func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.in.n == 0 {
		if p.err != nil {
			return 0, p.readError()
		}
		p.readable.Wait()
	}
	one, two := p.in.at(0, len(b))
	n := copy(b, one)
	n += copy(b[n:], two)
	p.in.drop(n)
	p.takeable.Signal()
	return n, nil
}

func (p *pipe) readError() error {
	if errors.Is(p.err, ErrClosed) {
		return io.EOF
	}
	return p.err
}

// Write takes b as soon as there is room for it; it does not wait for a transport.
func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	written := 0
	for len(b) > 0 {
		if p.err != nil {
			return written, p.err
		}
		if p.closing {
			return written, net.ErrClosed
		}
		n := min(len(b), p.out.room())
		if n <= 0 {
			p.writable.Wait()
			continue
		}
		p.out.push(b[:n])
		b, written = b[n:], written+n
		p.sendable.Signal()
	}
	if p.out.n > bulkLimit && p.full.Load() == nil {
		full := make(chan struct{})
		p.full.Store(&full)
	}
	return written, nil
}

// release lets go of what the far side has; the lock is held.
func (p *pipe) release(offset uint64) error {
	if err := p.out.ack(offset); err != nil {
		return err
	}
	p.writable.Broadcast()
	if full := p.full.Load(); full != nil && p.out.n <= bulkLimit*3/4 {
		p.full.Store(nil)
		close(*full)
	}
	return nil
}

var always = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// roomy is closed when data may be written without filling what opening and
// closing streams need. What came to wait while it was open is not counted.
func (p *pipe) roomy() <-chan struct{} {
	if full := p.full.Load(); full != nil {
		return *full
	}
	return always
}

// protect makes the pipe resumable by those who know the secret.
func (p *pipe) protect(secret []byte, t timing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secret, p.timing = secret, t
}

// wake lets everybody look again; the lock is held.
func (p *pipe) wake() {
	p.readable.Broadcast()
	p.writable.Broadcast()
	p.sendable.Broadcast()
	p.takeable.Broadcast()
}

// fail ends the pipe with an error; the first one holds.
func (p *pipe) fail(err error) {
	p.mu.Lock()
	p.failLocked(err)
	t := p.current
	p.mu.Unlock()
	if t != nil {
		t.end()
	}
}

// breakOff is fail, unless a goodbye is under way: what can't write any more
// because of it is not what ended the pipe, and must not cut it short.
func (p *pipe) breakOff(err error) {
	p.mu.Lock()
	closing := p.closing
	p.mu.Unlock()
	if !closing {
		p.fail(err)
	}
}

func (p *pipe) failLocked(err error) {
	if p.err == nil {
		p.err = err
		close(p.done)
	}
	p.wake()
}

// abandon ends the pipe unless it is attached.
func (p *pipe) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		p.failLocked(ErrAbandoned)
	}
}

// Close says goodbye: what was written is sent, unless it takes longer than
// flushTimeout, and the far side reads its end.
func (p *pipe) Close() error {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return nil
	}
	p.closing = true
	t := p.current
	p.wake()
	p.mu.Unlock()
	if t != nil {
		hurry := time.AfterFunc(flushTimeout, p.hurryUp)
		defer hurry.Stop()
		t.awaitGoodbye()
	}
	p.fail(ErrClosed)
	return nil
}

// hurryUp has the goodbye sent before what is still to be sent.
func (p *pipe) hurryUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hurry = true
	p.sendable.Signal()
}

// SetDeadline, SetReadDeadline and SetWriteDeadline are not for pipes.
func (p *pipe) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline is as SetDeadline.
func (p *pipe) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline is as SetDeadline.
func (p *pipe) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "tunnel" }
func (pipeAddr) String() string  { return "tunnel" }

// LocalAddr and RemoteAddr are nominal.
func (p *pipe) LocalAddr() net.Addr { return pipeAddr{} }

// RemoteAddr is as LocalAddr.
func (p *pipe) RemoteAddr() net.Addr { return pipeAddr{} }

var _ net.Conn = (*pipe)(nil)
