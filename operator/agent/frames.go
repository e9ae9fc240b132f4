package agent

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"sync"
)

// What net/http does not tell of HTTP/2, and does not let be said, is read and written
// in the frames below it (RFC 9113 section 4). Of those nothing else is touched.

const (
	frameHead = 9

	frameHeaders      = 1
	frameRST          = 3
	frameSettings     = 4
	frameContinuation = 9

	flagEndHeaders = 4

	settingMaxFrameSize = 5
)

// frames follows one direction of a connection, the bytes of which come in any parts.
type frames struct {
	preface  int // what is left of it
	head     [frameHead]byte
	have     int // of the head
	at, size int // of the payload
}

// next gives the next part of b: of a head, or a payload's. at is behind it then.
func (f *frames) next(b []byte) (part []byte, payload bool) {
	if f.preface > 0 {
		n := min(f.preface, len(b))
		f.preface -= n
		return b[:n], false
	}
	if f.ended() {
		f.have = 0
	}
	if f.have < frameHead {
		n := copy(f.head[f.have:], b)
		if f.have += n; f.have == frameHead {
			f.at, f.size = 0, int(f.head[0])<<16|int(f.head[1])<<8|int(f.head[2])
		}
		return b[:n], false
	}
	n := min(len(b), f.size-f.at)
	f.at += n
	return b[:n], true
}

func (f *frames) kind() byte     { return f.head[3] }
func (f *frames) stream() uint32 { return binary.BigEndian.Uint32(f.head[5:]) &^ (1 << 31) }
func (f *frames) begun() bool    { return f.preface == 0 && f.have == frameHead }
func (f *frames) ended() bool    { return f.begun() && f.at == f.size }

// numberName is the header by which a request's handler is told the number of its
// stream. A caller's own of that name comes before it.
const numberName = "Kubetunnel-Stream"

// numbers adds the number of its stream to each request: one more field at the end of
// the head, in a frame of its own and of the kind that no table of HPACK remembers.
type numbers struct {
	frames

	last uint32 // stream
	open bool   // its head has not ended
	adds bool   // behind this frame
	out  []byte
}

func (n *numbers) pass(b []byte) {
	for len(b) > 0 {
		part, payload := n.next(b)
		b = b[len(part):]
		switch {
		case payload, !n.begun() && n.have == 0: // of the preface
			n.out = append(n.out, part...)
		case n.begun():
			n.begin()
			n.out = append(n.out, n.head[:]...)
		}
		if n.adds && n.ended() {
			n.add()
		}
	}
}

// begin looks at a frame's head. What comes later of a stream are its trailers.
func (n *numbers) begin() {
	if n.kind() == frameHeaders && n.stream() > n.last {
		n.last, n.open = n.stream(), true
	}
	if !n.open || n.kind() != frameHeaders && n.kind() != frameContinuation {
		return
	}
	if n.adds = n.head[4]&flagEndHeaders != 0; n.adds {
		n.head[4] &^= flagEndHeaders
		n.open = false
	}
}

func (n *numbers) add() {
	n.adds = false
	name, value := bytes.ToLower([]byte(numberName)), strconv.Itoa(int(n.last))
	field := append([]byte{0x10, byte(len(name))}, name...) // RFC 7541 section 6.2.3
	field = append(append(field, byte(len(value))), value...)
	n.out = append(n.out, 0, 0, byte(len(field)), frameContinuation, flagEndHeaders)
	n.out = binary.BigEndian.AppendUint32(n.out, n.last)
	n.out = append(n.out, field...)
}

// codes puts the reasons into resets of streams: net/http's server has but one,
// INTERNAL_ERROR.
type codes struct {
	mu sync.Mutex
	of map[uint32]uint32 // by stream

	frames // the rest is of who writes

	chosen bool
	code   [4]byte
}

func (c *codes) choose(stream, code uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil || len(c.of) > maxStreams { // those that their callers have reset meanwhile
		c.of = map[uint32]uint32{}
	}
	c.of[stream] = code
}

// take looks a stream's up for the last time.
func (c *codes) take() {
	c.mu.Lock()
	defer c.mu.Unlock()
	code, chosen := c.of[c.stream()]
	delete(c.of, c.stream())
	c.chosen = chosen
	binary.BigEndian.PutUint32(c.code[:], code)
}

// pass gives what is to be written in place of b.
func (c *codes) pass(b []byte) []byte {
	for i := 0; i < len(b); {
		part, payload := c.next(b[i:])
		switch {
		case c.kind() != frameRST || !c.begun():
		case !payload:
			c.take()
		case c.chosen && c.size == len(c.code):
			b = bytes.Clone(b)
			copy(b[i:], c.code[c.at-len(part):c.at])
		}
		i += len(part)
	}
	return b
}

// hidden is in the codes of resets as net/http's transport sees them: what it knows as
// "refused" it would make again by itself, for a minute, and of what had a body it would
// not tell that it was.
const hidden = 1 << 30

// answers changes what a transport reads of a side: it hides the codes, and bounds
// MAX_FRAME_SIZE by 64 KiB, since the transport has a buffer of that for each upload, of
// up to half a MiB.
type answers struct {
	frames

	setting [2]byte
	large   bool
}

func (a *answers) pass(b []byte) {
	for len(b) > 0 {
		part, payload := a.next(b)
		b = b[len(part):]
		if !payload {
			continue
		}
		switch a.kind() {
		case frameRST:
			if a.at == len(part) && len(part) > 0 {
				part[0] ^= hidden >> 24
			}
		case frameSettings:
			for i := range part {
				a.set(&part[i], (a.at-len(part)+i)%6)
			}
		}
	}
}

// set looks at a byte of a setting: two are its name, four its value.
func (a *answers) set(b *byte, at int) {
	if at < 2 {
		a.setting[at], a.large = *b, false
		return
	}
	if binary.BigEndian.Uint16(a.setting[:]) != settingMaxFrameSize {
		return
	}
	const second = 3 // of the value's bytes, which alone is 1 in 64 KiB
	if a.large = a.large || at <= second && *b > 0; !a.large {
		return
	}
	if *b = 0; at == second {
		*b = 1
	}
}
