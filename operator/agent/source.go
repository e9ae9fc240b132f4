package agent

import (
	"errors"
	"io"
	"sync"

	"github.com/kubetunnel/kubetunnel/operator/agent/http1"
)

const (
	// headRoom is what a source begins with: most heads are shorter.
	headRoom = 4 << 10
	// bodyRoom is what a source reads at once of a body.
	bodyRoom = 64 << 10
)

var bodyRooms = sync.Pool{New: func() any { return new([bodyRoom]byte) }}

// source is a connection to read from, with what was read of it and not handed on
// yet. It holds a head, or a part of a body, and never more than bodyRoom.
type source struct {
	conn io.Reader
	buf  []byte
	r, w int // what is pending in buf
	// lent is buf while a body passes, own what it was before.
	lent *[bodyRoom]byte
	own  []byte
}

func newSource(conn io.Reader) source { return source{conn: conn, buf: make([]byte, headRoom)} }

func (s *source) pending() []byte { return s.buf[s.r:s.w] }

// skip forgets what was handed on.
func (s *source) skip(n int) {
	if s.r += n; s.r == s.w {
		s.r, s.w = 0, 0
	}
}

var errFull = errors.New("no room")

// more reads behind what is pending.
func (s *source) more() error {
	if s.w == len(s.buf) && s.r > 0 {
		s.w = copy(s.buf, s.pending())
		s.r = 0
	}
	if s.w == len(s.buf) {
		if len(s.buf) >= http1.MaxHead {
			return errFull
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := s.conn.Read(s.buf[s.w:])
	s.w += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// borrow gets the room for a body while nothing is pending, giveBack ends that.
func (s *source) borrow() {
	if s.own != nil {
		return
	}
	if lent, ok := bodyRooms.Get().(*[bodyRoom]byte); ok {
		s.own, s.lent, s.buf = s.buf, lent, lent[:]
	}
}

func (s *source) giveBack() {
	if s.own == nil {
		return
	}
	left := s.pending()
	if len(left) > len(s.own) {
		s.own = make([]byte, len(s.lent))
	}
	s.r, s.w = 0, copy(s.own, left)
	bodyRooms.Put(s.lent)
	s.buf, s.own, s.lent = s.own, nil, nil
}

// errWrite is a failure of the side that is written to.
type errWrite struct{ error }

func (e errWrite) Unwrap() error { return e.error }

// pass hands on the first bytes, a head perhaps, and the body behind them, to its end.
// What could not be written stays pending.
func (s *source) pass(first int, body *http1.Body, to io.Writer) error {
	defer s.giveBack()
	for {
		n, bad := body.Feed(s.pending()[first:])
		if first += n; first > 0 {
			n, err := to.Write(s.pending()[:first])
			s.skip(n)
			if err != nil {
				return errWrite{err}
			}
			first = 0
		}
		if bad != nil || body.Done() {
			return bad
		}
		s.borrow()
		if err := s.more(); err != nil {
			return err
		}
	}
}
