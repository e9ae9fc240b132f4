package tunnel

import "fmt"

// replay holds what was sent and not yet acknowledged. Offsets count the pipe's
// bytes from its start. It is guarded by its pipe's lock.
type replay struct {
	buf   []byte
	head  int    // buf[head:] is held
	base  uint64 // offset of buf[head]
	limit int
}

func (r *replay) held() int       { return len(r.buf) - r.head }
func (r *replay) end() uint64     { return r.base + uint64(r.held()) }
func (r *replay) room() int       { return r.limit - r.held() }
func (r *replay) append(p []byte) { r.buf = append(r.buf, p...) }

// from gives at most n held bytes from an offset on.
func (r *replay) from(offset uint64, n int) []byte {
	at := r.head + int(offset-r.base) //nolint:gosec // within the buffer
	return r.buf[at:min(at+n, len(r.buf))]
}

// ack lets go of everything before an offset.
func (r *replay) ack(offset uint64) error {
	if offset < r.base || offset > r.end() {
		return fmt.Errorf("acknowledgement of byte %d, outside of %d to %d", offset, r.base, r.end())
	}
	r.head += int(offset - r.base) //nolint:gosec // within the buffer
	r.base = offset
	switch {
	case r.head == len(r.buf):
		r.buf, r.head = r.buf[:0], 0
		if cap(r.buf) > keptBuffer {
			r.buf = nil
		}
	case r.head > keptBuffer && r.head > len(r.buf)/2:
		r.buf = append(r.buf[:0], r.buf[r.head:]...)
		r.head = 0
	}
	return nil
}

// keptBuffer is how much memory an idle pipe keeps.
const keptBuffer = 256 << 10
