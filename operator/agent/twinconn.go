package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// twinConn is a conversation with a twin. Its goroutine reads: answers for who asks,
// and that a mount has changed. It ends with close, or when the twin has gone. nil is none.
type twinConn struct {
	conn    net.Conn
	changed func()
	asking  sync.Mutex
	answers chan twinAnswer
	ended   chan struct{} // closed when the reader has ended, for the reason err
	err     error
}

func newTwinConn(conn net.Conn, changed func()) *twinConn {
	c := &twinConn{conn: conn, changed: changed, answers: make(chan twinAnswer, 1), ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		c.err = errors.Join(c.read(), net.ErrClosed)
		_ = conn.Close()
	}()
	return c
}

// read passes on what the twin says. An answer that nobody has asked for ends it.
func (c *twinConn) read() error {
	lines := bufio.NewScanner(c.conn)
	lines.Buffer(nil, maxTwinLine)
	for lines.Scan() {
		var a twinAnswer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return err
		}
		if a.Changed {
			c.changed()
			continue
		}
		select {
		case c.answers <- a:
		default:
			return errors.New("it answers what nobody has asked")
		}
	}
	return lines.Err()
}

// ask puts one question, and waits for its answer for a bounded time.
func (c *twinConn) ask(ctx context.Context, q twinRequest) (*twinAnswer, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := c.conn.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	if err := json.NewEncoder(c.conn).Encode(q); err != nil {
		return nil, fmt.Errorf("ask the twin: %w", err)
	}
	select {
	case a := <-c.answers:
		if a.Error != "" {
			return nil, &twinError{a.Error}
		}
		return &a, nil
	case <-c.ended:
		return nil, fmt.Errorf("the twin's answer: %w", c.err)
	case <-ctx.Done():
		// Its answer would be taken for that to the next question.
		_ = c.conn.Close()
		return nil, fmt.Errorf("the twin's answer: %w", ctx.Err())
	}
}

// twinError is the twin's own word.
type twinError struct{ text string }

func (e *twinError) Error() string { return e.text }

func (c *twinConn) close() {
	if c != nil {
		_ = c.conn.Close()
		<-c.ended
	}
}
