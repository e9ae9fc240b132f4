package agent

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// draining makes the operator take the Service back.
func (w *world) draining(limit time.Duration) {
	w.apply(func(d *control.Desired) { d.Draining, d.DrainMillis = true, limit.Milliseconds() })
}

func (w *world) drained() control.Observed {
	w.t.Helper()
	eventually(w.t, "drained", func() bool { return w.agent.Observe().Drained })
	return w.agent.Observe()
}

func TestDrainingWaitsForACallThatIsBeingAnswered(t *testing.T) {
	answer := make(chan struct{})
	w := newWorld(t, withTimes(times{quiet: time.Millisecond, linger: time.Millisecond, finish: time.Millisecond}))
	w.connect(func(_ context.Context, s tunnel.Stream) {
		defer func() { _ = s.Close() }()
		_ = s.Accept()
		_, _ = io.ReadFull(s, make([]byte, 8)) // then it stops at a breakpoint
		<-answer
		_, _ = io.WriteString(s, "answer")
		_ = s.CloseWrite()
		_, _ = io.Copy(io.Discard, s)
	})
	conn := w.call()
	_, _ = io.WriteString(conn, "question")
	eventually(t, "taken", func() bool { return w.client().Counters.Active == 1 })
	w.draining(patience)
	if got := w.served(); got != "origin" {
		t.Errorf("a new call was served by %s", got)
	}
	if w.agent.Observe().Drained {
		t.Error("drained while a call waits for its answer")
	}
	close(answer)
	if got, err := io.ReadAll(conn); err != nil || string(got) != "answer" {
		t.Errorf("got %q, %v", got, err)
	}
	_ = conn.Close()
	if o := w.drained(); o.Cut != 0 {
		t.Errorf("cut: %d", o.Cut)
	}
}

func TestDrainingCutsWhatIsLeftAtItsEndAndCountsIt(t *testing.T) {
	w := newWorld(t)
	w.connect(func(_ context.Context, s tunnel.Stream) {
		_ = s.Accept()
		_, _ = io.Copy(io.Discard, s)
		_ = s.Close()
	})
	conn := w.call()
	_, _ = io.WriteString(conn, "question")
	eventually(t, "taken", func() bool { return w.client().Counters.Active == 1 })
	w.draining(time.Millisecond)
	if o := w.drained(); o.Cut != 1 {
		t.Errorf("cut: %d", o.Cut)
	}
	if _, err := io.ReadAll(conn); !isReset(err) {
		t.Errorf("the caller got %v", err)
	}
	eventually(t, "ended", func() bool { return w.client().Counters.Active == 0 })
}

func TestDrainingLetsGoOfIdleConnectionsInGoodOrder(t *testing.T) {
	for _, side := range []string{"workstation", "origin"} {
		t.Run(side, func(t *testing.T) {
			w := newWorld(t, withTimes(times{quiet: time.Millisecond, linger: time.Millisecond, finish: time.Millisecond}))
			if side == "workstation" {
				w.connect(workstation)
			}
			conn := w.call()
			greeting(t, conn) // answered, and now without a byte
			w.draining(patience)
			if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
				t.Errorf("the caller got %q, %v", got, err)
			}
			_ = conn.Close()
			if o := w.drained(); o.Cut != 0 {
				t.Errorf("cut: %d", o.Cut)
			}
		})
	}
}

func TestAfterADrainingThatWasTakenBackCallsGoToTheWorkstationAgain(t *testing.T) {
	w := newWorld(t)
	w.connect(workstation)
	w.draining(time.Millisecond)
	w.drained()
	w.apply(func(d *control.Desired) { d.Draining = false })
	if o := w.agent.Observe(); o.Drained || o.Cut != 0 {
		t.Errorf("still drained: %+v", o)
	}
	if got := w.served(); got != "workstation" {
		t.Errorf("served by %s", got)
	}
}

// An operator that has just started may not know any more what its former self has told.
func TestDrainingKeepsWhatTheOperatorDoesNotName(t *testing.T) {
	for name, forget := range map[string]func(*control.Desired){
		"no client": func(d *control.Desired) { d.Clients = nil },
		"no port":   func(d *control.Desired) { d.Ports = nil },
		"nothing":   func(d *control.Desired) { d.Clients, d.Ports = nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.connect(workstation)
			conn := w.call()
			greeting(t, conn)
			for range 2 { // the same word with news of something else
				w.apply(func(d *control.Desired) {
					forget(d)
					d.Draining, d.DrainMillis = true, patience.Milliseconds()
				})
			}
			if got := w.served(); got != "origin" {
				t.Errorf("a new call was served by %s", got)
			}
			if c := w.client(); c.Intercept != "uid" || !c.Attached || c.Counters.Active != 1 {
				t.Errorf("the operator hears %+v", c)
			}
			w.endsWell(conn)
		})
	}
}

func TestDeletedPodHandsNewCallsToTheOriginUntilItsListenersClose(t *testing.T) {
	w := newWorld(t, withTimes(times{linger: patience, finish: time.Millisecond}))
	w.connect(workstation)
	w.stop()
	eventually(t, "the origin serves", func() bool { return w.served() == "origin" })
	w.agent.cancel() // nobody waits that long
	<-w.stopped
	if conn, err := net.Dial("tcp", w.dialAddr()); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
}

func TestDeletedPodDoesNotLingerWhenTheServiceIsBack(t *testing.T) {
	w := newWorld(t, withTimes(times{linger: time.Hour}))
	w.connect(workstation)
	w.draining(time.Millisecond)
	w.stop()
	<-w.stopped
}

func TestDeletedPodCutsWhatDoesNotEnd(t *testing.T) {
	w := newWorld(t)
	w.connect(func(ctx context.Context, s tunnel.Stream) {
		_ = s.Accept()
		<-ctx.Done()
		_ = s.Reset()
	})
	conn := w.call()
	_, _ = io.WriteString(conn, "question")
	eventually(t, "taken", func() bool { return w.client().Counters.Active == 1 })
	w.stop()
	<-w.stopped
	if _, err := io.ReadAll(conn); !isReset(err) {
		t.Errorf("the caller got %v", err)
	}
}

// endsWell gives the last call what it waits for: its answer is whole, and nothing is cut.
func (w *world) endsWell(conn *net.TCPConn) {
	w.t.Helper()
	if _, err := io.WriteString(conn, "last"); err != nil {
		w.t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if b, err := io.ReadAll(conn); err != nil || string(b) != "last" {
		w.t.Errorf("the last call got %q, %v", b, err)
	}
	_ = conn.Close()
	if o := w.drained(); o.Cut != 0 {
		w.t.Errorf("cut: %d", o.Cut)
	}
}
