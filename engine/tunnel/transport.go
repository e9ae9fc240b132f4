package tunnel

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// transport is one connection that carries a pipe for a while. Its goroutines
// (read, write, beat) end when end is called or the connection fails.
type transport struct {
	pipe *pipe
	conn io.ReadWriteCloser
	// heard counts reads, for the detection of silence.
	heard atomic.Uint64
	// ping asks the writer for a sign of life.
	ping bool // guarded by pipe.mu

	once    sync.Once
	ended   chan struct{}
	flushed chan struct{} // closed when a goodbye has been written
}

// attach lets a pipe go on over a connection: the far side has the pipe's bytes
// up to received. A former transport is replaced.
func (p *pipe) attach(conn io.ReadWriteCloser, received uint64) error {
	t := &transport{pipe: p, conn: conn, ended: make(chan struct{}), flushed: make(chan struct{})}
	p.mu.Lock()
	if p.err != nil {
		err := p.err
		p.mu.Unlock()
		return err
	}
	if err := p.out.ack(received); err != nil {
		p.mu.Unlock()
		return fmt.Errorf("resume: %w", err)
	}
	former := p.current
	p.next = received
	p.acked = p.received // told in the greeting
	p.current = t
	if former == nil {
		close(p.back)
		p.lost = make(chan struct{})
	}
	p.cond.Broadcast()
	p.mu.Unlock()
	if former != nil {
		former.end()
	}
	go t.read()
	go t.write()
	go t.beat()
	p.tell()
	return nil
}

// end closes the connection; the pipe waits for another one.
func (t *transport) end() {
	t.once.Do(func() {
		close(t.ended)
		p := t.pipe
		p.mu.Lock()
		last := p.current == t
		if last {
			p.current = nil
			close(p.lost)
			p.back = make(chan struct{})
		}
		unprotected := last && !p.resumable && p.err == nil
		p.cond.Broadcast()
		p.mu.Unlock()
		_ = t.conn.Close()
		if unprotected {
			p.fail(fmt.Errorf("the connection ended before the tunnel was set up: %w", io.ErrUnexpectedEOF))
		}
		if last {
			p.tell()
		}
	})
}

// read takes frames in until the connection fails or says goodbye.
func (t *transport) read() {
	defer t.end()
	r := bufio.NewReaderSize(t.conn, maxFrame+frameHeaderSize)
	for {
		if err := t.readFrame(r); err != nil {
			if errors.Is(err, ErrClosed) {
				t.pipe.fail(ErrClosed)
			}
			return
		}
	}
}

func (t *transport) readFrame(r *bufio.Reader) error {
	var header [frameHeaderSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return err
	}
	t.heard.Add(1)
	kind, length, err := parseFrameHeader(header)
	if err != nil {
		return err
	}
	switch kind {
	case frameData:
		return t.takeData(r, length)
	case frameAck:
		var b [ackSize]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		return t.takeAck(binary.BigEndian.Uint64(b[:]))
	case frameBye:
		return ErrClosed
	}
	return nil
}

// takeData appends a frame's bytes to what can be read, part by part as they come.
func (t *transport) takeData(r *bufio.Reader, length int) error {
	p := t.pipe
	for length > 0 {
		if r.Buffered() == 0 {
			if _, err := r.Peek(1); err != nil {
				return err
			}
			t.heard.Add(1)
		}
		b, err := r.Peek(min(length, r.Buffered()))
		if err != nil {
			return err
		}
		if err := p.take(t, b); err != nil {
			return err
		}
		length -= len(b)
		if _, err := r.Discard(len(b)); err != nil {
			return err
		}
	}
	return nil
}

var errReplaced = errors.New("replaced by a newer transport")

// take appends bytes that t brought; those of a replaced transport come again over the new one.
func (p *pipe) take(t *transport, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.in) >= receiveLimit && p.current == t && p.err == nil {
		p.cond.Wait()
	}
	if p.current != t {
		return errReplaced
	}
	if p.err != nil {
		return p.err
	}
	p.in = append(p.in, b...)
	p.received += uint64(len(b))
	p.cond.Broadcast()
	return nil
}

func (t *transport) takeAck(offset uint64) error {
	p := t.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != t {
		return errReplaced
	}
	if offset > p.next {
		return fmt.Errorf("acknowledgement of byte %d, which was not sent", offset)
	}
	if err := p.out.ack(offset); err != nil {
		return err
	}
	p.cond.Broadcast()
	return nil
}

// write sends what there is: acknowledgements that are due and data, as much as
// fits in one write.
func (t *transport) write() {
	defer t.end()
	buf := make([]byte, 0, 2*frameHeaderSize+ackSize+maxFrame)
	for {
		var bye bool
		buf, bye = t.gather(buf[:0])
		if len(buf) == 0 {
			return
		}
		if _, err := t.conn.Write(buf); err != nil {
			return
		}
		if bye {
			close(t.flushed)
			return
		}
	}
}

// gather waits until something is to be sent. It returns nothing when the transport is over.
func (t *transport) gather(buf []byte) (_ []byte, bye bool) {
	p := t.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.current != t || p.err != nil {
			return nil, false
		}
		unsent := p.out.end() - p.next
		due := p.received - p.acked
		if due > 0 && (unsent > 0 || due >= ackEvery || t.ping) {
			buf = appendAck(buf, p.received)
			p.acked = p.received
			t.ping = false
		}
		if unsent > 0 {
			chunk := p.out.from(p.next, maxFrame)
			var header [frameHeaderSize]byte
			putFrameHeader(header[:], frameData, len(chunk))
			buf = append(append(buf, header[:]...), chunk...)
			p.next += uint64(len(chunk))
			t.ping = false
			return buf, false
		}
		if p.closing {
			return appendEmpty(buf, frameBye), true
		}
		if t.ping {
			t.ping = false
			buf = appendEmpty(buf, framePing)
		}
		if len(buf) > 0 {
			return buf, false
		}
		p.cond.Wait()
	}
}

func appendAck(buf []byte, received uint64) []byte {
	var header [frameHeaderSize]byte
	putFrameHeader(header[:], frameAck, ackSize)
	return binary.BigEndian.AppendUint64(append(buf, header[:]...), received)
}

func appendEmpty(buf []byte, kind frameKind) []byte {
	var header [frameHeaderSize]byte
	putFrameHeader(header[:], kind, 0)
	return append(buf, header[:]...)
}

// beat sends a sign of life each heartbeat, and ends a transport that is silent.
func (t *transport) beat() {
	tick := time.NewTicker(t.pipe.timing.heartbeat)
	defer tick.Stop()
	last, since := t.heard.Load(), time.Now()
	for {
		select {
		case <-t.ended:
			return
		case <-tick.C:
		}
		if heard := t.heard.Load(); heard != last {
			last, since = heard, time.Now()
		} else if time.Since(since) >= t.pipe.timing.silence && !t.stuck() {
			t.end()
			return
		}
		t.pipe.mu.Lock()
		t.ping = true
		t.pipe.cond.Broadcast()
		t.pipe.mu.Unlock()
	}
}

// stuck tells whether it is this side that does not read: then silence means nothing.
func (t *transport) stuck() bool {
	t.pipe.mu.Lock()
	defer t.pipe.mu.Unlock()
	return len(t.pipe.in) >= receiveLimit
}
