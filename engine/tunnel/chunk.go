package tunnel

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
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
)

// answer is the JSON of a chunkAnswer: empty when the stream is accepted.
type answer struct {
	Refused RefuseCode `json:"refused,omitempty"`
	Message string     `json:"message,omitempty"`
}

func appendChunk(b []byte, kind chunkKind, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(kind)<<24|uint32(len(payload))) //nolint:gosec // payload <= maxChunk
	return append(b, payload...)
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

func readChunkHeader(r io.Reader) (chunkKind, int, error) {
	var b [chunkHeaderSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, 0, err
	}
	return parseChunkHeader(b)
}

// readMessage reads a JSON chunk of the wanted kind.
func readMessage(r io.Reader, want chunkKind, into any) error {
	kind, length, err := readChunkHeader(r)
	if err != nil {
		return err
	}
	if kind != want {
		return fmt.Errorf("stream: chunk of kind %d, want %d", kind, want)
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	return nil
}

// clip keeps a message within what a chunk may hold.
func clip(s string) string {
	const most = 1024
	if len(s) > most {
		return s[:most]
	}
	return s
}
