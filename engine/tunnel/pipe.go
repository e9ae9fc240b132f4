package tunnel

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Why a session ended.
var (
	// ErrClosed: one of the ends closed it.
	ErrClosed = errors.New("tunnel: closed")
	// ErrAbandoned: it was not attached for longer than it may.
	ErrAbandoned = errors.New("tunnel: abandoned after it could not be reached for too long")
	// ErrReset: the far side gave a stream up.
	ErrReset = errors.New("tunnel: stream reset by the far side")
)

const (
	// replayLimit bounds what is kept for a new transport, and so what is under way at once.
	replayLimit = 8 << 20
	// receiveLimit bounds what was received and not read.
	receiveLimit = 1 << 20
	// ackEvery is how many bytes may come in before they are acknowledged by themselves.
	ackEvery = 256 << 10
	// flushTimeout bounds a goodbye.
	flushTimeout = 500 * time.Millisecond
)

// pipe is a stream of bytes both ways that survives its transports. It is a
// net.Conn without deadlines for reading and writing (TLS sets none after its
// handshake, which has its own).
//
// Goroutines: a reader, a writer and a heartbeat per transport (transport.go),
// ended by the transport's end. The pipe itself has none.
type pipe struct {
	id     pipeID
	timing timing
	// attached is called on each change, in order, under notify.
	attached func(bool)
	notify   sync.Mutex

	mu   sync.Mutex
	cond sync.Cond // any change below
	out  replay
	// next is the offset to send next on the present transport.
	next uint64
	in   []byte
	// received counts bytes taken in; acked is what the far side was told of that.
	received, acked uint64
	current         *transport
	secret          []byte
	resumable       bool
	closing         bool
	err             error
	done            chan struct{}
	lost            chan struct{} // closed while there is no transport
	back            chan struct{} // closed while there is one
	deadline        time.Time
	deadlineTimer   *time.Timer
	told            bool
}

// timing are a pipe's clocks.
type timing struct {
	heartbeat, silence time.Duration
}

func newPipe(id pipeID, t timing, attached func(bool)) *pipe {
	p := &pipe{id: id, timing: t, attached: attached, out: replay{limit: replayLimit}, done: make(chan struct{}), lost: make(chan struct{}), back: make(chan struct{})}
	p.cond.L = &p.mu
	return p
}

// Read reads what came in, in order, whichever transport brought it.
func (p *pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.in) == 0 {
		if p.err != nil {
			return 0, p.readError()
		}
		if expired(p.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		p.cond.Wait()
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	if len(p.in) == 0 {
		p.in = nil
	}
	p.cond.Broadcast()
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
		if expired(p.deadline) {
			return written, os.ErrDeadlineExceeded
		}
		if p.out.room() <= 0 {
			p.cond.Wait()
			continue
		}
		n := min(len(b), p.out.room())
		p.out.append(b[:n])
		b, written = b[n:], written+n
		p.cond.Broadcast()
	}
	return written, nil
}

func expired(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// protect makes the pipe resumable by those who know the secret.
func (p *pipe) protect(secret []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secret, p.resumable = secret, true
}

// fail ends the pipe with an error; the first one holds.
func (p *pipe) fail(err error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
		close(p.done)
		if p.deadlineTimer != nil {
			p.deadlineTimer.Stop()
		}
	}
	t := p.current
	p.cond.Broadcast()
	p.mu.Unlock()
	if t != nil {
		t.end()
	}
}

// Close says goodbye: what was written is sent, if there is a transport, within
// flushTimeout, and the far side reads its end.
func (p *pipe) Close() error {
	p.mu.Lock()
	if p.err != nil {
		p.mu.Unlock()
		return nil
	}
	p.closing = true
	t := p.current
	p.cond.Broadcast()
	p.mu.Unlock()
	if t != nil {
		timer := time.NewTimer(flushTimeout)
		defer timer.Stop()
		select {
		case <-t.flushed:
		case <-t.ended:
		case <-timer.C:
		}
	}
	p.fail(ErrClosed)
	return nil
}

// isAttached tells whether a transport carries the pipe now.
func (p *pipe) isAttached() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && p.err == nil
}

// tell reports the present state, if it is another than the last one told.
func (p *pipe) tell() {
	p.notify.Lock()
	defer p.notify.Unlock()
	now := p.isAttached()
	if now == p.told {
		return
	}
	p.told = now
	if p.attached != nil {
		p.attached(now)
	}
}

// failure is why the pipe ended.
func (p *pipe) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// detach ends the present transport, if there is one, and tells how many bytes
// have come in: no more do until attach.
func (p *pipe) detach() (received uint64) {
	p.mu.Lock()
	t := p.current
	p.mu.Unlock()
	if t != nil {
		t.end()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.received
}

func (p *pipe) secretNow() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secret
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

// SetDeadline bounds both directions; TLS uses it for its handshake.
func (p *pipe) SetDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	if p.deadlineTimer != nil {
		p.deadlineTimer.Stop()
		p.deadlineTimer = nil
	}
	if !t.IsZero() {
		p.deadlineTimer = time.AfterFunc(time.Until(t), p.wakeAll)
	}
	p.cond.Broadcast()
	return nil
}

func (p *pipe) wakeAll() {
	p.mu.Lock()
	p.cond.Broadcast()
	p.mu.Unlock()
}

// SetReadDeadline is SetDeadline: the pipe has one deadline.
func (p *pipe) SetReadDeadline(t time.Time) error { return p.SetDeadline(t) }

// SetWriteDeadline does nothing: tls.Conn sets one to say goodbye, and a pipe's
// writes do not wait for a transport.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "tunnel" }
func (pipeAddr) String() string  { return "tunnel" }

// LocalAddr and RemoteAddr are nominal.
func (p *pipe) LocalAddr() net.Addr  { return pipeAddr{} }
func (p *pipe) RemoteAddr() net.Addr { return pipeAddr{} }
