package tunnel

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"syscall"
)

// refusedMark stands for a length, and has no message after it: nobody listens at the
// far end. No UDP message is that long.
const refusedMark = math.MaxUint16

// Datagrams keeps message boundaries on a stream: each message has a two-byte length
// before it (KindUDP). One goroutine may read while another one writes.
type Datagrams struct {
	stream io.ReadWriter
}

// NewDatagrams reads and writes messages on a stream.
func NewDatagrams(stream io.ReadWriter) *Datagrams { return &Datagrams{stream: stream} }

// Read reads one message; what of it has no room in b is lost, as with UDP. ECONNREFUSED
// says that the far side has heard of nobody who takes them; the flow goes on.
func (d *Datagrams) Read(b []byte) (int, error) {
	var header [2]byte
	if _, err := io.ReadFull(d.stream, header[:]); err != nil {
		return 0, err
	}
	length := int(binary.BigEndian.Uint16(header[:]))
	if length == refusedMark {
		return 0, syscall.ECONNREFUSED
	}
	n, err := io.ReadFull(d.stream, b[:min(length, len(b))])
	if err == nil && n < length {
		_, err = io.CopyN(io.Discard, d.stream, int64(length-n))
	}
	return n, err
}

// Write writes one message.
func (d *Datagrams) Write(b []byte) (int, error) {
	if len(b) >= refusedMark {
		return 0, fmt.Errorf("datagram of %d bytes", len(b))
	}
	message := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(b)), uint16(len(b))) //nolint:gosec // checked above
	if _, err := d.stream.Write(append(message, b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Refused tells the far side that nobody takes its messages (ICMP port unreachable).
func (d *Datagrams) Refused() error {
	_, err := d.stream.Write(binary.BigEndian.AppendUint16(nil, refusedMark))
	return err
}
