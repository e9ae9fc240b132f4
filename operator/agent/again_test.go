package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// unwilling is a connection that takes a few bytes of the next write, and then is reset.
type unwilling struct {
	tunnel.Conn
	takes int
}

var errUnwilling = errors.New("connection reset by peer")

func (u unwilling) Write([]byte) (int, error) {
	_ = u.Close()
	return u.takes, errUnwilling
}

// spoil makes the next write to the server of each call that rests fail.
func (w *world) spoil(takes int) {
	w.t.Helper()
	for _, call := range w.agent.calls.all() {
		c, ok := call.by.(*conversation)
		if !ok {
			w.t.Fatal("a call that is not relayed by request")
		}
		eventually(w.t, "it rests", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			rests := c.ex == nil && c.up != nil
			if rests {
				c.up.conn = unwilling{c.up.conn, takes}
			}
			return rests
		})
	}
}

// answersOnce answers one request of a connection, as the last one if it is to be, and tells
// what came behind.
func answersOnce(last bool, behind chan<- string) func(tunnel.Conn) {
	return func(conn tunnel.Conn) {
		r := bufio.NewReader(conn)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		head := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
		if last {
			head += "Connection: close\r\n"
		}
		_, _ = fmt.Fprintf(conn, "%s\r\nok", head)
		if last {
			_ = conn.CloseWrite()
			b, _ := io.ReadAll(r)
			behind <- string(b)
			return
		}
		_, _ = io.Copy(io.Discard, r)
	}
}

func TestConnectionGoesOnAfterARequestThatWasNotTakenAndMadeAgain(t *testing.T) {
	for _, takes := range []int{0, 5} {
		for name, said := range map[string][]string{
			"one by one": {get, post("x")},
			"at once":    {get + post("x"), ""},
		} {
			t.Run(fmt.Sprintf("%d bytes taken/%s", takes, name), func(t *testing.T) {
				w := httpWorld(t, web("origin"))
				c := w.caller()
				expect(t, c.ask(get), "origin 1")
				w.spoil(takes)
				for i, want := range []string{"origin 1", "origin 2 x"} {
					c.say(said[i])
					expect(t, c.answer(), want)
				}
			})
		}
	}
}

func TestNothingOfARequestThatWasMadeAgainIsHandedOnBehindIt(t *testing.T) {
	behind := make(chan string, 1)
	var connections atomic.Int32
	w := httpWorld(t, func(conn tunnel.Conn) { answersOnce(connections.Add(1) > 1, behind)(conn) })
	c := w.caller()
	expect(t, c.ask(get), "ok")
	w.spoil(5)
	expect(t, c.ask(get), "ok")
	if err := c.ends(); err != nil {
		t.Errorf("the caller sees %v", err)
	}
	_ = c.Close()
	if b := <-behind; b != "" {
		t.Errorf("behind the request came %q", b)
	}
}
