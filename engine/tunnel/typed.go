package tunnel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
)

// typed is a Stream over a yamux stream. It has no goroutine of its own, but for
// one that reads the far side's answer while Accepted waits for it.
type typed struct {
	mux     *yamux.Stream
	session *Session
	header  Header
	opener  bool

	read struct {
		sync.Mutex
		r       *bufio.Reader
		left    int    // of the present data chunk
		message []byte // what came of the far side's answer
		err     error
		answer  bool // the far side's answer has been read (opener)
	}
	write struct {
		sync.Mutex
		ended    bool // a chunkEnd was sent, or nothing more can be
		answered bool // Accept or Refuse was called (acceptor)
		pending  []byte
		flush    *time.Timer // of pending
		stall    *time.Timer // of a Write that takes long
	}
	// owes: an answer waits in write.pending.
	owes atomic.Bool
	// cut is why writing ended before Close did it.
	cut atomic.Pointer[error]

	answer        answered
	writeDeadline deadline
	gone          chan struct{} // closed by Close
	closed        sync.Once
}

func newTyped(mux *yamux.Stream, session *Session, opener bool) *typed {
	t := &typed{mux: mux, session: session, opener: opener, gone: make(chan struct{})}
	t.read.r = bufio.NewReaderSize(mux, 4<<10)
	t.answer.known = make(chan struct{})
	return t
}

// Header is what the stream was opened with.
func (t *typed) Header() Header { return t.header }

// Close ends both directions. If CloseWrite was not called, the far side reads ErrReset.
func (t *typed) Close() error {
	var err error
	t.closed.Do(func() {
		close(t.gone)
		if t.owes.Load() {
			t.flushAnswer()
		}
		err = t.explain(t.mux.Close())
		// Those who wait in Read and Write are let go.
		_ = t.mux.SetDeadline(past)
	})
	return err
}

// past is a deadline that is over, whatever the clock says.
var past = time.Unix(1, 0)

// Reset is Close, by the name of what the far side reads.
func (t *typed) Reset() error { return t.Close() }

// explain gives the stream's or the session's end, or a deadline, for yamux's errors.
func (t *typed) explain(err error) error {
	if err == nil {
		return nil
	}
	if isClosed(t.gone) {
		return net.ErrClosed
	}
	if cut := t.cut.Load(); cut != nil {
		return *cut
	}
	if errors.Is(err, yamux.ErrTimeout) {
		return os.ErrDeadlineExceeded
	}
	if cause := t.session.Err(); cause != nil {
		return cause
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, yamux.ErrConnectionReset):
		return ErrReset // a stream that ends without a chunkEnd was cut
	case errors.Is(err, yamux.ErrStreamClosed):
		return net.ErrClosed
	case errors.Is(err, yamux.ErrSessionShutdown):
		return ErrClosed
	}
	return err
}

// SetDeadline, SetReadDeadline and SetWriteDeadline are as of net.Conn. A Write
// that its deadline interrupts in the midst of a chunk ends the sending direction.
func (t *typed) SetDeadline(d time.Time) error {
	return errors.Join(t.SetReadDeadline(d), t.SetWriteDeadline(d))
}

// SetReadDeadline bounds reading.
func (t *typed) SetReadDeadline(d time.Time) error {
	if isClosed(t.gone) {
		return net.ErrClosed
	}
	return t.mux.SetReadDeadline(d)
}

// SetWriteDeadline bounds writing.
func (t *typed) SetWriteDeadline(d time.Time) error {
	if isClosed(t.gone) {
		return net.ErrClosed
	}
	t.writeDeadline.set(d)
	return t.mux.SetWriteDeadline(d)
}

type streamAddr string

func (streamAddr) Network() string  { return "tunnel" }
func (a streamAddr) String() string { return string(a) }

// LocalAddr is the header's target or port.
func (t *typed) LocalAddr() net.Addr {
	if t.header.Target != "" {
		return streamAddr(t.header.Target)
	}
	return streamAddr(fmt.Sprintf(":%d", t.header.Port))
}

// RemoteAddr is the caller of an inbound stream, the target of an outbound one.
func (t *typed) RemoteAddr() net.Addr {
	if t.header.Source != "" {
		return streamAddr(t.header.Source)
	}
	return t.LocalAddr()
}

var _ Stream = (*typed)(nil)
