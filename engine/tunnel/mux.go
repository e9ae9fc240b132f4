package tunnel

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	muxHeaderSize = 12
	muxBacklog    = 8192
	muxWindow     = 4 << 20
	// never stands for "no limit" where yamux wants a duration: the pipe decides what is over.
	never = time.Duration(math.MaxInt64)
)

func muxConfig() *yamux.Config {
	return &yamux.Config{
		AcceptBacklog:          muxBacklog,
		EnableKeepAlive:        false,
		KeepAliveInterval:      never,
		ConnectionWriteTimeout: never,
		MaxStreamWindowSize:    muxWindow,
		// 0: streams are opened and closed without a clock.
		StreamOpenTimeout:  0,
		StreamCloseTimeout: 0,
		LogOutput:          io.Discard,
	}
}

// coalescer joins what yamux writes in pieces: a header with its body, and the
// announcement of a new stream with the stream's first bytes, which follow at
// once. It has one writer, yamux's send loop.
type coalescer struct {
	net.Conn
	held []byte
}

// yamux's frame types and flags (its spec.md).
const (
	muxTypeData   = 0
	muxTypeWindow = 1
	muxFlagSYN    = 1
)

// Write sends b with what was held back, or holds b back.
func (c *coalescer) Write(b []byte) (int, error) {
	c.held = append(c.held, b...)
	if len(b) == muxHeaderSize && holdable(b) && len(c.held) < maxFrame {
		return len(b), nil
	}
	_, err := c.Conn.Write(c.held)
	if cap(c.held) > 2*maxFrame {
		c.held = nil
	}
	c.held = c.held[:0]
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// holdable tells whether something is sure to follow a frame header: its body,
// or the first bytes of the stream that it announces.
func holdable(header []byte) bool {
	kind, flags, length := header[1], binary.BigEndian.Uint16(header[2:]), binary.BigEndian.Uint32(header[8:])
	return header[0] == 0 && (kind == muxTypeData && length > 0 || kind == muxTypeWindow && flags&muxFlagSYN != 0)
}
