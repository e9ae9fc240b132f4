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
// are read (here), write (sender.go) and beat (heartbeat.go); all end when end
// is called or the connection fails.
type transport struct {
	pipe  *pipe
	conn  io.ReadWriteCloser
	began time.Time
	// heard counts reads, for the detection of silence.
	heard atomic.Uint64

	once  sync.Once
	ended chan struct{}

	// What the writer is asked for; guarded by pipe.mu.
	ping     bool   // a sign of life
	pong     bool   // the answer to one,
	pongWord uint64 // with this word
	bye      bool   // the answer to a goodbye
}

// end closes the connection; the pipe waits for another one.
func (t *transport) end() {
	t.once.Do(func() {
		close(t.ended)
		t.pipe.detach(t)
		_ = t.conn.Close()
	})
}

// awaitGoodbye waits for the end that the far side's answer to a goodbye is, for as long
// as it is heard of.
func (t *transport) awaitGoodbye() {
	limit := time.NewTimer(goodbyeLimit)
	defer limit.Stop()
	silence := time.NewTimer(flushTimeout + goodbyeTimeout)
	defer silence.Stop()
	for heard := t.heard.Load(); ; {
		select {
		case <-t.ended:
			return
		case <-limit.C:
			return
		case <-silence.C:
		}
		now := t.heard.Load()
		if now == heard {
			return
		}
		heard = now
		silence.Reset(goodbyeTimeout)
	}
}

// read takes frames in until the connection fails or says goodbye.
func (t *transport) read() {
	r := bufio.NewReaderSize(t.conn, maxFrame+frameHeaderSize)
	for {
		err := t.readFrame(r)
		if errors.Is(err, ErrClosed) && t.takeBye() {
			return // the writer answers, and ends
		}
		if err != nil {
			t.end()
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
	case frameBye:
		return ErrClosed
	}
	var word [wordSize]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return err
	}
	return t.takeWord(kind, binary.BigEndian.Uint64(word[:]))
}

// takeData appends a frame's bytes to what can be read, part by part as they come.
func (t *transport) takeData(r *bufio.Reader, length int) error {
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
		if err := t.pipe.take(t, b); err != nil {
			return err
		}
		length -= len(b)
		if _, err := r.Discard(len(b)); err != nil {
			return err
		}
	}
	return nil
}

// take appends bytes that t brought; those of a replaced transport come again over the new one.
func (p *pipe) take(t *transport, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.in.n >= receiveLimit && p.current == t && p.err == nil && !p.closing {
		p.takeable.Wait()
	}
	switch {
	case p.current != t:
		return errReplaced
	case p.err != nil:
		return p.err
	case p.closing:
		return nil // nobody reads it; the goodbye comes behind it
	}
	p.in.push(b)
	p.received += uint64(len(b))
	p.readable.Signal()
	if p.received-p.acked >= ackEvery {
		p.sendable.Signal()
	}
	return nil
}

func (t *transport) takeWord(kind frameKind, word uint64) error {
	p := t.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != t {
		return errReplaced
	}
	switch kind {
	case frameAck:
		if word > p.next {
			return fmt.Errorf("acknowledgement of byte %d, which was not sent", word)
		}
		return p.release(word)
	case framePing:
		t.pong, t.pongWord = true, word
		p.sendable.Signal()
	case framePong:
		if now := t.clock(); word <= now {
			p.stats.RTT = time.Duration(now - word) //nolint:gosec // both are small
		}
	}
	return nil
}

// clock is the time of this transport in nanoseconds, for pings.
func (t *transport) clock() uint64 {
	return uint64(time.Since(t.began)) //nolint:gosec // not negative: a monotonic clock
}

// takeBye ends the pipe at the far side's wish, and has the writer answer it. It
// is false when this side said goodbye too: then nothing is left to be answered.
func (t *transport) takeBye() bool {
	p := t.pipe
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != t || p.err != nil || p.closing {
		return false
	}
	t.bye = true
	p.failLocked(ErrClosed)
	return true
}
