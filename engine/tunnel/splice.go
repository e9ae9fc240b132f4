package tunnel

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Conn is one side of a Splice: a *net.TCPConn, a *net.UnixConn, or a Stream.
type Conn interface {
	net.Conn
	CloseWrite() error
}

// splicePart is what Splice copies at a time.
const splicePart = 64 << 10

var copyBuffers = sync.Pool{New: func() any { return new([splicePart]byte) }}

// Splice copies both ways between a and b until both directions have ended, and
// closes both. The end of one direction ends that direction alone; a reset or an
// error ends both, and is passed on as a reset. It returns the bytes from a to b
// and from b to a, and whether it was a reset.
func Splice(a, b net.Conn) (aToB, bToA int64, cut bool) { return SpliceAfter(a, b, nil, nil) }

// SpliceAfter is Splice of connections that somebody has read from already: ofA and
// ofB are what was read, and go first.
func SpliceAfter(a, b net.Conn, ofA, ofB []byte) (aToB, bToA int64, cut bool) {
	var group sync.WaitGroup
	var flowing atomic.Int32
	flowing.Store(2)
	over := make(chan struct{})
	var aborted atomic.Bool
	abort := sync.OnceFunc(func() {
		aborted.Store(true)
		reset(a)
		reset(b)
	})
	one := func(dst, src net.Conn, first []byte, n *int64) {
		err := writeFirst(dst, first)
		if err == nil {
			*n, err = pump(dst, src)
			*n += int64(len(first))
		}
		last := flowing.Add(-1) == 0
		if err == nil {
			err = closeWrite(dst)
		}
		if err != nil {
			abort()
		}
		if last {
			close(over)
		}
		// This direction has ended. If its source goes altogether while the other
		// direction still flows to it, that must not wait for a window for ever.
		if s, ok := src.(interface{ awaitClose() }); ok && err == nil {
			s.awaitClose()
			if flowing.Load() > 0 {
				abort()
			}
		}
	}
	group.Go(func() { one(b, a, ofA, &aToB) })
	group.Go(func() { one(a, b, ofB, &bToA) })
	<-over
	_ = a.Close()
	_ = b.Close()
	group.Wait()
	return aToB, bToA, aborted.Load()
}

func writeFirst(dst net.Conn, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := dst.Write(b)
	return err
}

// pump copies until src ends (nil) or either fails.
func pump(dst, src net.Conn) (total int64, err error) {
	switch to := dst.(type) {
	case *typed:
		return to.ReadFrom(src)
	case *net.TCPConn:
		if _, ok := src.(*net.TCPConn); ok {
			return to.ReadFrom(src) // splice(2)
		}
	}
	buf, ok := copyBuffers.Get().(*[splicePart]byte)
	if !ok {
		return 0, errNoBuffer
	}
	defer copyBuffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				return total, werr
			}
			total += int64(n)
		}
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(Conn); ok {
		err := half.CloseWrite()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	}
	return c.Close()
}

// reset ends a connection so that the other end sees that it was cut.
func reset(c net.Conn) {
	switch c := c.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0)
	case Stream:
		_ = c.Reset()
		return
	}
	_ = c.Close()
}
