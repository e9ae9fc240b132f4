package tunnel

import "fmt"

// replay holds what was sent and not yet acknowledged. Offsets count the pipe's
// bytes from its start. It is guarded by its pipe's lock.
type replay struct {
	ring
	base  uint64 // offset of the first byte that is held
	limit int
}

func (r *replay) end() uint64 { return r.base + uint64(r.n) } //nolint:gosec // n >= 0
func (r *replay) room() int   { return r.limit - r.n }

// appendFrom adds at most most held bytes from an offset on to buf.
func (r *replay) appendFrom(buf []byte, offset uint64, most int) []byte {
	a, b := r.at(int(offset-r.base), most) //nolint:gosec // within what is held
	return append(append(buf, a...), b...)
}

// ack lets go of everything before an offset.
func (r *replay) ack(offset uint64) error {
	if offset < r.base || offset > r.end() {
		return fmt.Errorf("acknowledgement of byte %d, outside of %d to %d", offset, r.base, r.end())
	}
	r.drop(int(offset - r.base)) //nolint:gosec // within what is held
	r.base = offset
	return nil
}
