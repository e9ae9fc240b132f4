package agent

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// named makes the port one of that name.
func (w *world) named(name string) {
	w.apply(func(d *control.Desired) {
		p := d.Ports[0]
		p.Name = name
		d.Ports = []control.Port{p}
	})
}

// A TCP health check, or a browser that connects ahead, says nothing.
func TestOriginThatEndsBeforeAnybodyHasSpokenIsSeenAsSuchAndAskedOnce(t *testing.T) {
	for _, name := range []string{"", "http"} {
		for how, c := range map[string]struct {
			end   func(tunnel.Conn)
			reset bool
		}{
			"in good order": {func(tunnel.Conn) {}, false},
			"by a reset":    {func(conn tunnel.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }, true},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				var connections atomic.Int32
				w := httpWorld(t, func(conn tunnel.Conn) {
					connections.Add(1)
					c.end(conn)
				})
				w.named(name)
				if err := w.fate(); isReset(err) != c.reset || !c.reset && err != nil {
					t.Errorf("the caller sees %v", err)
				}
				eventually(t, "ended", func() bool { return len(w.agent.calls.all()) == 0 })
				if n := connections.Load(); n != 1 {
					t.Errorf("%d connections", n)
				}
			})
		}
	}
}

// impatient is a workstation that ends connections at once while ends says so.
func impatient(ends *atomic.Bool, connections *atomic.Int32) tunnel.Handler {
	return taking(func(conn tunnel.Conn) {
		connections.Add(1)
		if !ends.Load() {
			web("workstation")(conn)
		}
	})
}

// awaiting waits until the agent has let go of the workstation for a caller that is silent.
func (w *world) awaiting() {
	w.t.Helper()
	eventually(w.t, "the caller is awaited", func() bool {
		for _, call := range w.agent.calls.all() {
			c, ok := call.by.(*conversation)
			if !ok {
				continue
			}
			c.mu.Lock()
			waits := c.awaited != nil && c.up == nil
			c.mu.Unlock()
			if waits {
				return true
			}
		}
		return false
	})
}

func TestWorkstationThatEndsBeforeAnybodyHasSpokenIsAskedAgainWhenTheCallerHas(t *testing.T) {
	var ends atomic.Bool
	var connections atomic.Int32
	ends.Store(true)
	w := httpWorld(t, web("origin"))
	w.connect(impatient(&ends, &connections))
	c := w.caller()
	w.awaiting()
	ends.Store(false)
	expect(t, c.ask(get), "workstation 1")
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestOriginSpeaksFirstAfterAWorkstationThatHasStoppedWithoutAWord(t *testing.T) {
	var ends atomic.Bool
	var connections atomic.Int32
	ends.Store(true)
	w := httpWorld(t, func(conn tunnel.Conn) {
		_, _ = io.WriteString(conn, "220 origin\r\n")
		_, _ = http.ReadRequest(bufio.NewReader(conn))
	})
	e := w.connect(impatient(&ends, &connections))
	c := w.caller()
	w.awaiting()
	e.serves()
	c.hears("220 origin\r\n")
}
