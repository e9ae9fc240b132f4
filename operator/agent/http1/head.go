package http1

import (
	"bytes"
	"strings"
)

// Scanner finds the end of a head that comes in parts. The zero value is ready, and
// is for one head.
type Scanner struct {
	line int // where the line begins that is not complete yet
	seen int // what has been looked at
}

// End looks at all that has come of a head, and of what follows it. It gives the
// head's length with the empty line at its end, or 0 when that has not come yet.
func (s *Scanner) End(b []byte) (int, error) {
	for {
		i := bytes.IndexByte(b[s.seen:], '\n')
		if i < 0 {
			s.seen = len(b)
			if len(b) >= MaxHead {
				return 0, ErrAmbiguous
			}
			return 0, nil
		}
		end := s.seen + i + 1
		line := b[s.line:end]
		first := s.line == 0
		switch {
		case end > MaxHead, !wellEnded(line):
			return 0, ErrAmbiguous
		case first && len(line) == 2, !first && (line[0] == ' ' || line[0] == '\t'):
			return 0, ErrAmbiguous
		case len(line) == 2:
			return end, nil
		}
		s.line, s.seen = end, end
	}
}

// wellEnded: a line ends with CRLF, and has no other CR.
func wellEnded(line []byte) bool {
	return len(line) >= 2 && bytes.IndexByte(line, '\r') == len(line)-2
}

// fields are what framing depends on.
type fields struct {
	length    int64 // -1: none
	chunked   bool
	close     bool
	keepAlive bool
	expect    bool
}

// parseFields reads the field lines of a head, whose start line is cut off.
func parseFields(b []byte) (fields, error) {
	f := fields{length: -1}
	for {
		line, rest, found := bytes.Cut(b, []byte("\r\n"))
		if !found {
			return f, ErrAmbiguous
		}
		if len(line) == 0 {
			break
		}
		if err := f.add(line); err != nil {
			return f, err
		}
		b = rest
	}
	if f.chunked && f.length >= 0 {
		return f, ErrAmbiguous // RFC 9112 section 6.1: an attempt at smuggling
	}
	return f, nil
}

func (f *fields) add(line []byte) error {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found || !isToken(name) {
		return ErrAmbiguous
	}
	value = bytes.Trim(value, " \t")
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return ErrAmbiguous
		}
	}
	switch {
	case isName(name, "content-length"):
		length, ok := parseLength(value)
		if !ok || f.length >= 0 {
			return ErrAmbiguous
		}
		f.length = length
	case isName(name, "transfer-encoding"):
		if f.chunked || !isName(value, "chunked") {
			return ErrAmbiguous
		}
		f.chunked = true
	case isName(name, "connection"):
		for option := range bytes.SplitSeq(value, []byte(",")) {
			option = bytes.Trim(option, " \t")
			f.close = f.close || isName(option, "close")
			f.keepAlive = f.keepAlive || isName(option, "keep-alive")
		}
	case isName(name, "expect"):
		f.expect = true
	}
	return nil
}

// parseLength reads a Content-Length: digits, without zeros before them, since some
// read those as octal.
func parseLength(b []byte) (int64, bool) {
	const most = 18 // digits that fit an int64
	if len(b) == 0 || len(b) > most || len(b) > 1 && b[0] == '0' {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

func isName(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// isToken: RFC 9110 section 5.6.2.
func isToken(b []byte) bool {
	for _, c := range b {
		if !IsTokenByte(c) {
			return false
		}
	}
	return len(b) > 0
}

// IsTokenByte tells whether a byte may be in a method or in a field's name.
func IsTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
