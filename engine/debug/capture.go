package debug

import (
	"bytes"
	"crypto/rand"
	"os"
	"sync"
	"unicode/utf8"
)

// capture reads what a process writes. A mark, written into the same pipe, tells when
// everything before it has been read: pipes keep their order.
//
// One goroutine reads; it ends with close.
type capture struct {
	write *os.File
	read  *os.File
	show  func(text string)
	token []byte
	once  sync.Once

	mu     sync.Mutex
	marked []func()
	closed bool
}

func newCapture(show func(text string)) (*capture, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &capture{write: write, read: read, show: show, token: []byte("\x00kubetunnel " + rand.Text() + "\x00")}
	go c.pump()
	return c, nil
}

func (c *capture) pump() {
	buffer := make([]byte, 32<<10)
	var rest []byte
	for {
		n, err := c.read.Read(buffer)
		rest = append(rest, buffer[:n]...)
		for {
			before, after, found := bytes.Cut(rest, c.token)
			if !found {
				break
			}
			c.tell(before)
			rest = append([]byte(nil), after...)
			c.reached()
		}
		whole := len(rest)
		if err == nil {
			whole -= c.unfinished(rest)
		}
		c.tell(rest[:whole])
		rest = append(rest[:0], rest[whole:]...)
		if err != nil {
			return
		}
	}
}

func (c *capture) tell(text []byte) {
	if len(text) > 0 {
		c.show(string(text))
	}
}

// unfinished counts the bytes at the end that need what follows: the beginning of a
// mark or of a character.
func (c *capture) unfinished(data []byte) int {
	for n := min(len(c.token)-1, len(data)); n > 0; n-- {
		if bytes.HasSuffix(data, c.token[:n]) {
			return n
		}
	}
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if tail := data[len(data)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			break
		}
	}
	return 0
}

// mark calls then once everything written until now has been shown. It is not called
// when the capture is closed before.
func (c *capture) mark(then func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.marked = append(c.marked, then)
	go func() {
		// A full pipe is being read; a closed one needs no mark.
		_, _ = c.write.Write(c.token)
	}()
}

func (c *capture) reached() {
	c.mu.Lock()
	var then func()
	if len(c.marked) > 0 {
		then, c.marked = c.marked[0], c.marked[1:]
	}
	c.mu.Unlock()
	if then != nil {
		then()
	}
}

// close ends the reading; it may be called twice.
func (c *capture) close() {
	c.once.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		_ = c.write.Close()
		_ = c.read.Close()
	})
}
