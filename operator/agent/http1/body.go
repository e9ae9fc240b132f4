package http1

import (
	"bytes"
	"math"
)

type bodyKind int

const (
	none bodyKind = iota
	counted
	chunked
)

// Body is how much of a message's body is still to come. The zero value is none.
type Body struct {
	kind bodyKind
	left int64 // of a counted body, or of a chunk's data with the CRLF behind it

	state   chunkState
	digits  int // of a chunk's size
	size    int64
	line    int  // length of the line so far
	cr      bool // its last byte was CR
	trailer int  // length of the trailer section so far
}

// chunkState is where in a chunked body (RFC 9112 section 7.1) the next byte is.
type chunkState int

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkData
	chunkEnd
	trailers
	complete
)

// maxChunkLine bounds a chunk's size with its extensions.
const maxChunkLine = 4 << 10

// Done tells whether nothing more is to come.
func (b *Body) Done() bool {
	switch b.kind {
	case counted:
		return b.left == 0
	case chunked:
		return b.state == complete
	}
	return true
}

// Feed takes the next bytes, and tells how many of them are the body's. What it has
// counted before an error is.
func (b *Body) Feed(p []byte) (n int, err error) {
	switch b.kind {
	case counted:
		n = int(min(b.left, int64(len(p))))
		b.left -= int64(n)
	case chunked:
		for n < len(p) && b.state != complete {
			used, err := b.step(p[n:])
			n += used
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// step takes bytes up to the next change of state, at least one of them.
func (b *Body) step(p []byte) (int, error) {
	switch b.state {
	case chunkSize:
		return b.sizeByte(p[0])
	case chunkExtension, trailers:
		return b.lineBytes(p)
	case chunkEnd:
		return b.endByte(p[0])
	default:
		n := int(min(b.left, int64(len(p))))
		if b.left -= int64(n); b.left == 0 {
			b.state, b.cr = chunkEnd, false
		}
		return n, nil
	}
}

func (b *Body) sizeByte(c byte) (int, error) {
	digit := hexDigit(c)
	switch {
	case b.cr && c == '\n':
		b.begin()
	case b.cr:
		return 0, ErrAmbiguous
	case digit >= 0 && b.size <= math.MaxInt64>>8:
		b.size, b.digits = b.size<<4|int64(digit), b.digits+1
	case digit >= 0 || b.digits == 0:
		return 0, ErrAmbiguous
	case c == '\r':
		b.cr = true
	case c == ';':
		b.state, b.line = chunkExtension, 0
	default:
		return 0, ErrAmbiguous
	}
	if b.digits > maxChunkLine {
		return 0, ErrAmbiguous // zeros without end
	}
	return 1, nil
}

// begin is what follows a chunk's first line.
func (b *Body) begin() {
	if b.size == 0 {
		b.state = trailers
	} else {
		b.state, b.left = chunkData, b.size
	}
	b.digits, b.size, b.line, b.cr = 0, 0, 0, false
}

// lineBytes takes what there is of a line of extensions or of trailers.
func (b *Body) lineBytes(p []byte) (int, error) {
	n := bytes.IndexAny(p, "\r\n\x00")
	switch {
	case b.cr && p[0] == '\n':
		return 1, b.endLine()
	case b.cr:
		return 0, ErrAmbiguous
	case n < 0:
		n = len(p)
	case n == 0 && p[0] != '\r':
		return 0, ErrAmbiguous
	case n == 0:
		b.cr = true
		return 1, nil
	}
	if b.state == trailers && b.line == 0 && (p[0] == ' ' || p[0] == '\t') {
		return 0, ErrAmbiguous
	}
	b.line += n
	if b.state == chunkExtension && b.line > maxChunkLine || b.state == trailers && b.trailer+b.line > MaxHead {
		return 0, ErrAmbiguous
	}
	return n, nil
}

func (b *Body) endLine() error {
	switch {
	case b.state == chunkExtension:
		b.begin()
		return nil
	case b.line == 0:
		b.state = complete
	}
	b.trailer += b.line + 2
	b.line, b.cr = 0, false
	return nil
}

// endByte takes the CRLF behind a chunk's data.
func (b *Body) endByte(c byte) (int, error) {
	switch {
	case !b.cr && c == '\r':
		b.cr = true
	case b.cr && c == '\n':
		b.state, b.cr = chunkSize, false
	default:
		return 0, ErrAmbiguous
	}
	return 1, nil
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
