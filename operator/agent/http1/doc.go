// Package http1 finds where HTTP/1.1 messages end (RFC 9112), and changes nothing of
// them: who relays by request must know the boundaries, and nothing else.
//
// It is strict. Whatever two recipients could read in two ways (a length beside a
// transfer coding, a bare LF, a folded line) is ErrAmbiguous, and must not be split:
// a relay that takes a body for a request smuggles one.
//
// It imports the standard library only, and does no input or output.
package http1

import "errors"

// MaxHead is how long a start line with its fields may be, and a trailer section.
const MaxHead = 64 << 10

// ErrAmbiguous says that the end of a message can't be told for sure.
var ErrAmbiguous = errors.New("the end of the HTTP message can't be told for sure")
