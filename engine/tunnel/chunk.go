package tunnel

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// chunkKind is the kind of a part of a stream.
type chunkKind byte

const (
	chunkData   chunkKind = 0
	chunkHeader chunkKind = 1 // a Header as JSON, the first chunk of the opening side
	chunkAnswer chunkKind = 2 // an answer as JSON, the first chunk of the other side
	// chunkEnd: no more data in this direction. A yamux stream that is closed without one was reset.
	chunkEnd chunkKind = 3
)

const (
	chunkHeaderSize = 4
	maxChunk        = 32 << 10
	maxMessage      = 8 << 10
	// fullChunk is how much this end sends in one chunk: with all headers it
	// fills two TLS records of 16 KiB.
	fullChunk = maxChunk - chunkHeaderSize - muxHeaderSize
)

// answer is the JSON of a chunkAnswer: empty when the stream is accepted.
type answer struct {
	Refused RefuseCode `json:"refused,omitempty"`
	Message string     `json:"message,omitempty"`
}

func appendChunkHeader(b []byte, kind chunkKind, length int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(kind)<<24|uint32(length)) //nolint:gosec // length <= maxChunk
}

// parseChunkHeader checks the four bytes before each chunk.
func parseChunkHeader(b [chunkHeaderSize]byte) (chunkKind, int, error) {
	v := binary.BigEndian.Uint32(b[:])
	kind, length := chunkKind(v>>24), int(v&0xffffff)
	switch {
	case kind > chunkEnd:
		return 0, 0, fmt.Errorf("stream: chunk of unknown kind %d", kind)
	case kind == chunkData && (length == 0 || length > maxChunk),
		(kind == chunkHeader || kind == chunkAnswer) && (length == 0 || length > maxMessage),
		kind == chunkEnd && length != 0:
		return 0, 0, fmt.Errorf("stream: chunk of kind %d with %d bytes", kind, length)
	}
	return kind, length, nil
}

// peekChunk gives the next chunk's header without taking it, so that a deadline
// in between loses nothing.
func peekChunk(r *bufio.Reader) (chunkKind, int, error) {
	b, err := r.Peek(chunkHeaderSize)
	if err != nil {
		return 0, 0, err
	}
	return parseChunkHeader([chunkHeaderSize]byte(b))
}

// readMessage reads a JSON chunk of the wanted kind. What came before an error
// is kept in part, for another try.
func readMessage(r *bufio.Reader, part *[]byte, want chunkKind, into any) error {
	if *part == nil {
		kind, length, err := peekChunk(r)
		if err != nil {
			return err
		}
		if kind != want {
			return fmt.Errorf("stream: chunk of kind %d, want %d", kind, want)
		}
		if _, err := r.Discard(chunkHeaderSize); err != nil {
			return err
		}
		*part = make([]byte, 0, length) // at most maxMessage
	}
	b := *part
	n, err := io.ReadFull(r, b[len(b):cap(b)])
	*part = b[:len(b)+n]
	if err != nil {
		return err
	}
	if err := json.Unmarshal(*part, into); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	return nil
}

// clip keeps a message within what a chunk may hold.
func clip(s string) string {
	const most = 1024
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}
