package tunnel

import (
	"io"
	"sync"
	"time"
)

// delayed is a connection on a long line: bytes come out of it a while after
// they went in, in both directions, at no cost of throughput. Its two goroutines
// end when it is closed.
type delayed struct {
	conn io.ReadWriteCloser
	in   *line
	out  *line
}

func newDelayed(conn io.ReadWriteCloser, delay time.Duration) *delayed {
	d := &delayed{conn: conn, in: newLine(delay), out: newLine(delay)}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if !d.in.put(buf[:n]) || err != nil {
				d.in.end()
				return
			}
		}
	}()
	go func() {
		for {
			b, ok := d.out.take()
			if !ok {
				return
			}
			if _, err := conn.Write(b); err != nil {
				d.out.end()
				return
			}
		}
	}()
	return d
}

func (d *delayed) Write(b []byte) (int, error) {
	if !d.out.put(b) {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func (d *delayed) Read(b []byte) (int, error) { return d.in.read(b) }

func (d *delayed) Close() error {
	d.in.end()
	d.out.end()
	return d.conn.Close()
}

// line keeps parcels until they are due.
type line struct {
	delay   time.Duration
	mu      sync.Mutex
	cond    sync.Cond
	parcels []parcel
	held    int
	rest    []byte
	ended   bool
}

type parcel struct {
	due   time.Time
	bytes []byte
}

const lineLimit = 16 << 20

func newLine(delay time.Duration) *line {
	l := &line{delay: delay}
	l.cond.L = &l.mu
	return l
}

func (l *line) put(b []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held > lineLimit && !l.ended {
		l.cond.Wait()
	}
	if len(b) > 0 {
		l.parcels = append(l.parcels, parcel{time.Now().Add(l.delay), append([]byte(nil), b...)})
		l.held += len(b)
		l.cond.Broadcast()
	}
	return !l.ended
}

// take waits for the next parcel and for its time.
func (l *line) take() ([]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.parcels) == 0 {
		if l.ended {
			return nil, false
		}
		l.cond.Wait()
	}
	p := l.parcels[0]
	l.parcels = l.parcels[1:]
	l.held -= len(p.bytes)
	l.cond.Broadcast()
	if wait := time.Until(p.due); wait > 0 {
		l.mu.Unlock()
		time.Sleep(wait) // the line's length, not a synchronisation
		l.mu.Lock()
	}
	return p.bytes, true
}

func (l *line) read(b []byte) (int, error) {
	if len(l.rest) == 0 {
		p, ok := l.take()
		if !ok {
			return 0, io.EOF
		}
		l.rest = p
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.cond.Broadcast()
}
