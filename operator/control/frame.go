package control

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxFrame bounds one message. A Service has few ports and a target few clients;
// what is larger is not ours.
const MaxFrame = 1 << 20

// ErrFrameTooLarge: a length above MaxFrame was announced or asked for.
var ErrFrameTooLarge = errors.New("control message is larger than allowed")

// frame is one message: a four-byte big-endian length and that much JSON.
// One member is set, or none: then it only says that the sender is there.
// Unknown members are ignored, so that a newer side may say more.
type frame struct {
	Desired  *Desired  `json:"desired,omitempty"`
	Observed *Observed `json:"observed,omitempty"`
}

func writeFrame(w io.Writer, f frame) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode control message: %w", err)
	}
	if len(body) > MaxFrame {
		return fmt.Errorf("%w: %d bytes", ErrFrameTooLarge, len(body))
	}
	// One write, so that a frame is one TLS record where it fits.
	buf := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(buf, uint32(len(body)))
	if _, err := w.Write(append(buf, body...)); err != nil {
		return fmt.Errorf("send control message: %w", err)
	}
	return nil
}

func readFrame(r io.Reader) (frame, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, fmt.Errorf("read control message: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxFrame {
		return frame{}, fmt.Errorf("%w: %d bytes", ErrFrameTooLarge, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, fmt.Errorf("read control message: %w", err)
	}
	var f frame
	if err := json.Unmarshal(body, &f); err != nil {
		return frame{}, fmt.Errorf("decode control message: %w", err)
	}
	return f, nil
}
