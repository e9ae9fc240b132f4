package tunnel

import "math/bits"

// ring is a queue of bytes that grows as needed. Its memory is kept while it is
// in use: trim gives it back.
type ring struct {
	buf  []byte // its length is zero or a power of two
	head int
	n    int
}

const ringSmallest = 16 << 10

// push adds bytes at the end.
func (r *ring) push(p []byte) {
	if need := r.n + len(p); need > len(r.buf) {
		r.resize(max(need, ringSmallest))
	}
	if len(p) == 0 {
		return
	}
	at := (r.head + r.n) & (len(r.buf) - 1)
	copied := copy(r.buf[at:], p)
	copy(r.buf, p[copied:])
	r.n += len(p)
}

func (r *ring) resize(size int) {
	fresh := make([]byte, 1<<bits.Len(uint(size-1))) //nolint:gosec // size > 0
	a, b := r.at(0, r.n)
	copy(fresh[copy(fresh, a):], b)
	r.buf, r.head = fresh, 0
}

// at gives at most most bytes from an offset on, in two parts. They hold until the
// next push or drop.
func (r *ring) at(offset, most int) (a, b []byte) {
	most = min(most, r.n-offset)
	if most <= 0 {
		return nil, nil
	}
	from := (r.head + offset) & (len(r.buf) - 1)
	a = r.buf[from:min(from+most, len(r.buf))]
	return a, r.buf[:most-len(a)]
}

// drop removes bytes from the front.
func (r *ring) drop(n int) {
	r.n -= n
	if r.n == 0 {
		r.head = 0
		return
	}
	r.head = (r.head + n) & (len(r.buf) - 1)
}

// trim gives back memory that is not in use.
func (r *ring) trim() {
	switch {
	case r.n == 0:
		r.buf, r.head = nil, 0
	case r.n <= len(r.buf)/4 && len(r.buf) > ringSmallest:
		r.resize(max(r.n, ringSmallest))
	}
}
