package tunnel

import (
	"encoding/binary"
	"fmt"
)

// frameKind is the kind of a frame on a transport.
type frameKind byte

const (
	frameData frameKind = 0
	frameAck  frameKind = 1 // payload: 8 bytes, how many of the pipe's bytes have been received
	framePing frameKind = 2 // payload: 8 bytes of the sender's own
	frameBye  frameKind = 3 // no more; the pipe ends
	framePong frameKind = 4 // payload: that of the ping which it answers
)

const (
	frameHeaderSize = 4
	maxFrame        = 64 << 10
	wordSize        = 8 // payload of frameAck, framePing, framePong
)

// appendFrameHeader adds a frame's header: its kind and a 24-bit length.
func appendFrameHeader(b []byte, kind frameKind, length int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(kind)<<24|uint32(length)) //nolint:gosec // length <= maxFrame
}

func appendWord(b []byte, kind frameKind, word uint64) []byte {
	return binary.BigEndian.AppendUint64(appendFrameHeader(b, kind, wordSize), word)
}

// parseFrameHeader checks a frame's header.
func parseFrameHeader(b [frameHeaderSize]byte) (frameKind, int, error) {
	v := binary.BigEndian.Uint32(b[:])
	kind, length := frameKind(v>>24), int(v&0xffffff)
	ok := false
	switch kind {
	case frameData:
		ok = length > 0 && length <= maxFrame
	case frameAck, framePing, framePong:
		ok = length == wordSize
	case frameBye:
		ok = length == 0
	}
	if !ok {
		return 0, 0, fmt.Errorf("frame of kind %d with %d bytes", kind, length)
	}
	return kind, length, nil
}
