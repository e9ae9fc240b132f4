package tunnel

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"
)

// muxConn lies between yamux and TLS.
//
// What yamux writes in pieces leaves as one: a header with its body, and what
// nobody waits for (window updates, which also announce, accept and close
// streams) with the data that follows, or by itself after muxDelay.
//
// What yamux reads comes in whole frames: it holds a stream's lock while it reads
// the body of one, and would hold it, and everybody who uses that stream, for as
// long as a lost transport leaves the body incomplete.
//
// It has no goroutine but the timer's.
type muxConn struct {
	net.Conn

	write sync.Mutex // held while TLS writes, as TLS itself does
	held  []byte
	body  int // bytes of a frame's body that have to come
	timer *time.Timer
	armed bool
	err   error

	in         []byte
	off, ready int // in[off:ready] are whole frames
}

const (
	muxHeaderSize = 12
	muxMaxFrame   = muxHeaderSize + chunkHeaderSize + maxChunk
	muxReadBuffer = 3 * muxMaxFrame
	muxDelay      = time.Millisecond
)

// yamux's frame types (its spec.md).
const (
	muxTypeData   = 0
	muxTypeGoAway = 3
)

func newMuxConn(conn net.Conn) *muxConn {
	c := &muxConn{Conn: conn, in: make([]byte, 0, muxReadBuffer)}
	c.timer = time.AfterFunc(never, c.flushHeld)
	return c
}

// muxBody checks a frame's header and gives the length of the frame's body.
func muxBody(header []byte) (int, error) {
	version, kind, length := header[0], header[1], binary.BigEndian.Uint32(header[8:])
	if version != 0 || kind > muxTypeGoAway {
		return 0, fmt.Errorf("multiplexer: frame of version %d and type %d", version, kind)
	}
	if kind != muxTypeData {
		return 0, nil
	}
	if length > muxMaxFrame-muxHeaderSize {
		return 0, fmt.Errorf("multiplexer: frame of %d bytes", length)
	}
	return int(length), nil
}

// Write takes one header or one body, from yamux's only sending goroutine.
func (c *muxConn) Write(b []byte) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.held = append(c.held, b...)
	hold := false
	if c.body > 0 {
		c.body -= len(b)
	} else if len(b) == muxHeaderSize {
		body, err := muxBody(b)
		if err != nil {
			return 0, err
		}
		c.body = body
		hold = b[1] != muxTypeData && len(c.held) < maxFrame
	}
	if c.body > 0 {
		return len(b), nil
	}
	if hold {
		if !c.armed {
			c.armed = true
			c.timer.Reset(muxDelay)
		}
		return len(b), nil
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	return len(b), nil
}

// flush writes what is held; the lock is held too.
func (c *muxConn) flush() error {
	c.armed = false
	if len(c.held) == 0 || c.err != nil {
		return c.err
	}
	_, c.err = c.Conn.Write(c.held)
	if cap(c.held) > 2*maxFrame {
		c.held = nil
	}
	c.held = c.held[:0]
	return c.err
}

func (c *muxConn) flushHeld() {
	c.write.Lock()
	defer c.write.Unlock()
	if c.armed && c.body == 0 {
		_ = c.flush() // kept, for the next Write
	}
}

// Close ends the connection; what is held is lost with it.
func (c *muxConn) Close() error {
	c.timer.Stop()
	return c.Conn.Close()
}

// Read gives bytes of whole frames. It has one caller, yamux's receiving goroutine.
func (c *muxConn) Read(b []byte) (int, error) {
	for c.off == c.ready {
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.in[c.off:c.ready])
	c.off += n
	return n, nil
}

// fill reads once, and finds the frames that are whole then.
func (c *muxConn) fill() error {
	if rest := len(c.in) - c.off; rest == 0 || cap(c.in)-len(c.in) < muxMaxFrame {
		c.in = c.in[:copy(c.in[:cap(c.in)], c.in[c.off:])]
		c.off, c.ready = 0, 0
	}
	n, err := c.Conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n == 0 {
		return err
	}
	for {
		whole, err := wholeFrame(c.in[c.ready:])
		if whole == 0 || err != nil {
			return err
		}
		c.ready += whole
	}
}

// wholeFrame gives the length of the first frame in b, or 0 if it is not whole.
func wholeFrame(b []byte) (int, error) {
	if len(b) < muxHeaderSize {
		return 0, nil
	}
	body, err := muxBody(b)
	if err != nil || len(b) < muxHeaderSize+body {
		return 0, err
	}
	return muxHeaderSize + body, nil
}
