package tunnel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// typed is a Stream over a yamux stream. It has no goroutine, but for the one
// that reads the far side's answer when Accepted is asked before any Read.
type typed struct {
	mux     *yamux.Stream
	session *Session
	header  Header
	opener  bool

	read struct {
		sync.Mutex
		r      *bufio.Reader
		left   int // of the present data chunk
		err    error
		answer bool // the far side's answer has been read (opener)
	}
	write struct {
		sync.Mutex
		ended    bool // a chunkEnd was sent, or nothing more can be
		answered bool // Accept or Refuse was called (acceptor)
	}

	answered  chan struct{} // closed when answerErr is set (opener)
	answerErr error
	once      sync.Once

	closed   sync.Once
	closeErr error
}

func newTyped(mux *yamux.Stream, session *Session, opener bool) *typed {
	t := &typed{mux: mux, session: session, opener: opener, answered: make(chan struct{})}
	t.read.r = bufio.NewReaderSize(mux, 4<<10)
	return t
}

// Header is what the stream was opened with.
func (t *typed) Header() Header { return t.header }

func (t *typed) sendMessage(kind chunkKind, message any) error {
	payload, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	if len(payload) > maxMessage {
		return fmt.Errorf("stream: message of %d bytes, %d at most", len(payload), maxMessage)
	}
	_, err = t.mux.Write(appendChunk(make([]byte, 0, chunkHeaderSize+len(payload)), kind, payload))
	return t.explain(err)
}

// Accept tells the far side that the stream is taken.
func (t *typed) Accept() error { return t.reply(answer{}) }

// Refuse tells the far side why it is not, and closes the stream.
func (t *typed) Refuse(code RefuseCode, message string) error {
	err := t.reply(answer{Refused: code, Message: clip(message)})
	return errors.Join(err, t.Close())
}

func (t *typed) reply(a answer) error {
	t.write.Lock()
	defer t.write.Unlock()
	if t.opener || t.write.answered {
		return errors.New("stream: it was answered before, or is ours")
	}
	t.write.answered = true
	return t.sendMessage(chunkAnswer, a)
}

// Accepted waits for the far side's answer.
func (t *typed) Accepted(ctx context.Context) error {
	if !t.opener {
		return nil
	}
	select {
	case <-t.answered:
		return t.answerErr
	default:
	}
	t.once.Do(func() {
		go func() {
			t.read.Lock()
			defer t.read.Unlock()
			t.readAnswer()
		}()
	})
	select {
	case <-t.answered:
		return t.answerErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readAnswer reads the answer, once; the read lock is held.
func (t *typed) readAnswer() {
	if t.read.answer {
		return
	}
	var a answer
	err := readMessage(t.read.r, chunkAnswer, &a)
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, yamux.ErrTimeout) {
		return // the answer may still come
	}
	t.read.answer = true
	switch {
	case err != nil:
		t.answerErr = t.explain(unexpected(err))
		t.read.err = t.answerErr
	case a.Refused != "":
		t.answerErr = &RefusedError{Code: a.Refused, Message: a.Message}
		t.read.err = t.answerErr
	}
	close(t.answered)
}

// unexpected: a stream that ends without a chunkEnd was cut.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrReset
	}
	return err
}

// Read reads the far side's bytes, after its answer if there is one.
func (t *typed) Read(b []byte) (int, error) {
	t.read.Lock()
	defer t.read.Unlock()
	if t.opener && !t.read.answer {
		t.readAnswer()
		if !t.read.answer {
			return 0, os.ErrDeadlineExceeded
		}
	}
	if t.read.err != nil {
		return 0, t.read.err
	}
	if len(b) == 0 {
		return 0, nil
	}
	for t.read.left == 0 {
		if err := t.nextChunk(); err != nil {
			return 0, err
		}
	}
	n, err := t.read.r.Read(b[:min(len(b), t.read.left)])
	t.read.left -= n
	if err != nil {
		err = t.explain(unexpected(err))
		t.failReading(err)
	}
	return n, err
}

func (t *typed) nextChunk() error {
	// Only a whole header is taken, so that a deadline in between loses nothing.
	if _, err := t.read.r.Peek(chunkHeaderSize); err != nil {
		err = t.explain(unexpected(err))
		t.failReading(err)
		return err
	}
	kind, length, err := readChunkHeader(t.read.r)
	switch {
	case err != nil:
	case kind == chunkData:
		t.read.left = length
		return nil
	case kind == chunkEnd:
		err = io.EOF
	default:
		err = fmt.Errorf("stream: chunk of kind %d among data", kind)
	}
	t.failReading(err)
	return err
}

func (t *typed) failReading(err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.read.err = err
	}
}

// explain gives the session's end, or a deadline, for yamux's errors.
func (t *typed) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, yamux.ErrTimeout):
		return os.ErrDeadlineExceeded
	case errors.Is(err, yamux.ErrStreamClosed), errors.Is(err, yamux.ErrConnectionReset):
		if cause := t.session.Err(); cause != nil {
			return cause
		}
		return net.ErrClosed
	case errors.Is(err, yamux.ErrSessionShutdown):
		if cause := t.session.Err(); cause != nil {
			return cause
		}
		return ErrClosed
	}
	if cause := t.session.Err(); cause != nil {
		return cause
	}
	return err
}

var chunkBuffers = sync.Pool{New: func() any { b := make([]byte, 0, chunkHeaderSize+maxChunk); return &b }}

// Write sends bytes; it waits for the far side's window.
func (t *typed) Write(b []byte) (int, error) {
	t.write.Lock()
	defer t.write.Unlock()
	if t.write.ended {
		return 0, net.ErrClosed
	}
	buf, ok := chunkBuffers.Get().(*[]byte)
	if !ok {
		return 0, errors.New("stream: no buffer")
	}
	defer chunkBuffers.Put(buf)
	written := 0
	for len(b) > 0 {
		n := min(len(b), maxChunk)
		*buf = appendChunk((*buf)[:0], chunkData, b[:n])
		if m, err := t.mux.Write(*buf); err != nil {
			if m > 0 && m < len(*buf) {
				// Half a chunk is out: the stream can't go on.
				t.write.ended = true
			}
			return written, t.explain(err)
		}
		b, written = b[n:], written+n
	}
	return written, nil
}

// CloseWrite ends the sending direction.
func (t *typed) CloseWrite() error {
	t.write.Lock()
	defer t.write.Unlock()
	if t.write.ended {
		return nil
	}
	t.write.ended = true
	_, err := t.mux.Write(appendChunk(nil, chunkEnd, nil))
	return t.explain(err)
}

// Close ends both directions. If CloseWrite was not called, the far side reads ErrReset.
func (t *typed) Close() error {
	t.closed.Do(func() {
		err := t.mux.Close()
		// Those who wait in Read and Write are let go.
		_ = t.mux.SetDeadline(time.Now())
		t.closeErr = t.explain(err)
	})
	return t.closeErr
}

// Reset is Close, by the name of what the far side reads.
func (t *typed) Reset() error { return t.Close() }

// awaitClose waits until the far side has closed the stream: after its chunkEnd
// nothing else can come. While it has not, it still takes what is sent.
func (t *typed) awaitClose() {
	t.read.Lock()
	defer t.read.Unlock()
	_, _ = t.read.r.ReadByte()
}

// SetDeadline, SetReadDeadline and SetWriteDeadline are as of net.Conn.
func (t *typed) SetDeadline(d time.Time) error { return t.mux.SetDeadline(d) }

// SetReadDeadline bounds reading.
func (t *typed) SetReadDeadline(d time.Time) error { return t.mux.SetReadDeadline(d) }

// SetWriteDeadline bounds writing.
func (t *typed) SetWriteDeadline(d time.Time) error { return t.mux.SetWriteDeadline(d) }

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
