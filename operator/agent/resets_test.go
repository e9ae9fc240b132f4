package agent

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// patient: nodes remember for ever.
var patient = withTimes(times{forget: time.Hour})

// breaking takes a call, reads some of it, and ends it as told.
func breaking(end func(tunnel.Stream)) func(context.Context, tunnel.Stream) {
	return func(_ context.Context, s tunnel.Stream) {
		_ = s.Accept()
		_, _ = io.ReadFull(s, make([]byte, 4))
		end(s)
	}
}

func TestAResetIsToldForAsLongAsNodesRememberIt(t *testing.T) {
	cases := map[string]struct {
		request string
		end     func(tunnel.Stream)
		told    bool
	}{
		"a connection that is reset": {"line", func(s tunnel.Stream) { _ = s.Reset() }, true},
		"a request that is broken off": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", func(s tunnel.Stream) {
			_, _ = io.WriteString(s, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")
			_ = s.Reset()
		}, true},
		"a connection that is closed": {"line", func(s tunnel.Stream) {
			_, _ = io.WriteString(s, "end")
			_ = s.CloseWrite()
			_, _ = io.Copy(io.Discard, s)
			_ = s.Close()
		}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, patient)
			w.connect(breaking(c.end))
			conn := w.call()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			_, err := io.ReadAll(conn)
			_ = conn.Close()
			if isReset(err) != c.told {
				t.Fatalf("the caller got %v", err)
			}
			eventually(t, "ended", func() bool { return len(w.agent.calls.all()) == 0 })
			if told := w.agent.Observe().RememberedMillis > 0; told != c.told {
				t.Errorf("told %v", told)
			}
		})
	}
}

func TestAResetIsForgotten(t *testing.T) {
	w := newWorld(t, withTimes(times{forget: time.Millisecond}))
	w.connect(breaking(func(s tunnel.Stream) { _ = s.Reset() }))
	conn := w.call()
	_, _ = io.WriteString(conn, "line")
	if _, err := io.ReadAll(conn); !isReset(err) {
		t.Fatalf("the caller got %v", err)
	}
	eventually(t, "forgotten", func() bool { return w.agent.Observe().RememberedMillis == 0 })
}
