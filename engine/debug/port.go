package debug

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// maxQueued bounds what waits for a peer that does not read.
const maxQueued = 256 << 20

// port is one connection that speaks DAP, the editor's or the adapter's. It gives
// what comes through in, and numbers what goes.
//
// Its goroutines: read ends with the connection or with close; write ends with close.
type port struct {
	conn io.ReadWriteCloser
	// in carries what came and is closed at the stream's end; err is set then.
	in  chan *message
	err error

	mu     sync.Mutex
	seq    int
	queue  [][]byte
	queued int
	// wake has room for one word: there is something to write.
	wake   chan struct{}
	idle   chan struct{} // closed while nothing waits
	broken bool

	once  sync.Once
	done  chan struct{}
	tasks sync.WaitGroup
}

func newPort(conn io.ReadWriteCloser) *port {
	p := &port{
		conn: conn, in: make(chan *message), wake: make(chan struct{}, 1),
		idle: make(chan struct{}), done: make(chan struct{}),
	}
	close(p.idle)
	go p.read()
	p.tasks.Go(p.write)
	return p
}

func (p *port) read() {
	defer close(p.in)
	reader := bufio.NewReader(p.conn)
	for {
		raw, err := readFrame(reader)
		var m *message
		if err == nil {
			if m, err = parseMessage(raw); err != nil {
				err = &frameError{fmt.Sprintf("message %.60q: %v", raw, err)}
			}
		}
		if err != nil {
			p.err = err
			return
		}
		select {
		case p.in <- m:
		case <-p.done:
			p.err = io.ErrClosedPipe
			return
		}
	}
}

// pass sends a message that somebody else made, numbered anew, with other values
// for some members. It gives the number.
func (p *port) pass(m *message, values map[string]json.RawMessage) int {
	return p.enqueue(func(seq int) []byte {
		if values == nil {
			values = map[string]json.RawMessage{}
		}
		values["seq"] = number(seq)
		return m.with(values)
	})
}

// send sends a message of our own.
func (p *port) send(m any) int {
	raw := encode(m)
	return p.enqueue(func(seq int) []byte {
		numbered, err := setMember(raw, "seq", number(seq))
		if err != nil {
			return raw // encode makes objects only
		}
		return numbered
	})
}

func (p *port) enqueue(encode func(seq int) []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	raw := encode(p.seq)
	if p.broken {
		return p.seq
	}
	if p.queued+len(raw) > maxQueued {
		// A peer that has not read for so long has gone, whatever its connection says.
		p.broken = true
		_ = p.conn.Close()
		return p.seq
	}
	if len(p.queue) == 0 && isClosed(p.idle) {
		p.idle = make(chan struct{})
	}
	p.queue = append(p.queue, raw)
	p.queued += len(raw)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return p.seq
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (p *port) write() {
	for {
		select {
		case <-p.done:
			return
		case <-p.wake:
		}
		for {
			p.mu.Lock()
			if len(p.queue) == 0 {
				if !isClosed(p.idle) {
					close(p.idle)
				}
				p.mu.Unlock()
				break
			}
			raw := p.queue[0]
			p.queue = p.queue[1:]
			p.queued -= len(raw)
			p.mu.Unlock()
			if err := writeFrame(p.conn, raw); err != nil {
				p.fail()
			}
		}
	}
}

// fail drops what can't be written any more. The reader tells the end.
func (p *port) fail() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	p.queue, p.queued = nil, 0
}

// flush waits until everything is written.
func (p *port) flush(ctx context.Context) {
	p.mu.Lock()
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
	case <-p.done:
	case <-ctx.Done():
	}
}

// close ends the connection. It may be called twice. The reader of a connection
// whose Close does not interrupt a read (standard input) ends with its next byte.
func (p *port) close() {
	p.once.Do(func() {
		close(p.done)
		_ = p.conn.Close()
	})
	p.tasks.Wait()
}
