package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

func TestCallGoesToTheWorkstationThatServesThePort(t *testing.T) {
	headers := make(chan tunnel.Header, 1)
	w := newWorld(t)
	w.connect(func(ctx context.Context, s tunnel.Stream) { headers <- s.Header(); workstation(ctx, s) })
	conn := w.call()
	if got := greeting(t, conn); got != "workstation" {
		t.Errorf("served by %s", got)
	}
	if h := <-headers; h.Kind != tunnel.KindTCP || h.Port != servicePort || h.Source != conn.LocalAddr().String() {
		t.Errorf("header: %+v, caller %s", h, conn.LocalAddr())
	}
}

func TestCallGoesToTheOriginWhen(t *testing.T) {
	cases := map[string]func(*world){
		"no client is named":        func(w *world) { w.apply(func(d *control.Desired) { d.Clients = nil }) },
		"no client is attached":     func(*world) {},
		"the client serves nothing": func(w *world) { w.attach(workstation) },
		"it serves another port":    func(w *world) { w.attach(workstation).serves(servicePort + 1) },
		"it has stopped serving":    func(w *world) { w.connect(workstation).serves() },
		"it refuses":                func(w *world) { w.connect(refuse) },
		"it resets":                 func(w *world) { w.connect(func(_ context.Context, s tunnel.Stream) { _ = s.Reset() }) },
		"the agent drains":          func(w *world) { w.connect(workstation); w.apply(func(d *control.Desired) { d.Draining = true }) },
		"the port is not the client's": func(w *world) {
			w.connect(workstation)
			w.apply(func(d *control.Desired) { d.Clients[0].Ports = []int32{443} })
		},
		"the serve stream has ended": func(w *world) {
			e := w.connect(workstation)
			_ = e.serve.Close()
			eventually(w.t, "not serving", func() bool { return len(w.client().Serving) == 0 })
		},
		"the session has ended": func(w *world) {
			_ = w.connect(workstation).Close()
			eventually(w.t, "not attached", func() bool { return !w.client().Attached })
		},
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			prepare(w)
			if got := w.served(); got != "origin" {
				t.Errorf("served by %s", got)
			}
		})
	}
}

func TestOriginGetsAllThatACallerSentBeforeTheRefusalAndOnce(t *testing.T) {
	release := make(chan struct{})
	w := newWorld(t)
	w.connect(func(ctx context.Context, s tunnel.Stream) {
		<-release
		refuse(ctx, s)
	})
	conn := w.call()
	want := make([]byte, 16<<20)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(want)
		sent <- errors.Join(err, conn.CloseWrite())
	}()
	close(release)
	if got := greeting(t, conn); got != "origin" {
		t.Fatalf("served by %s", got)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d came back, %v", len(got), len(want), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestWorkstationThatAnswersTooLateGetsNoByteOfTheCall(t *testing.T) {
	release, late := make(chan struct{}), make(chan []byte, 1)
	w := newWorld(t, withTimes(times{accept: 20 * time.Millisecond, linger: time.Millisecond, finish: time.Millisecond}))
	w.connect(func(_ context.Context, s tunnel.Stream) {
		defer func() { _ = s.Close() }()
		<-release
		_ = s.Accept()
		b, _ := io.ReadAll(s)
		late <- b
	})
	conn := w.call()
	_, _ = io.WriteString(conn, "POST")
	if got := greeting(t, conn); got != "origin" {
		t.Errorf("served by %s", got)
	}
	close(release)
	if b := <-late; len(b) > 0 {
		t.Errorf("both sides got the call: %q", b)
	}
}

func TestCallIsHandedOnAtOnceWhenTheTunnelIsCutBeforeTheAnswer(t *testing.T) {
	asked := make(chan struct{})
	w := newWorld(t)
	e := w.connect(func(ctx context.Context, s tunnel.Stream) {
		defer func() { _ = s.Close() }()
		close(asked)
		<-ctx.Done()
	})
	conn := w.call()
	<-asked
	e.line.set(true)
	// The time for an answer is longer than a test's patience.
	if got := greeting(t, conn); got != "origin" {
		t.Errorf("served by %s", got)
	}
}

func TestAcceptedCallOutlivesTheTunnelsConnection(t *testing.T) {
	w := newWorld(t)
	e := w.connect(workstation)
	conn := w.call()
	greeting(t, conn)
	e.line.set(true)
	eventually(t, "detached", func() bool { return !w.client().Attached })
	if got := w.served(); got != "origin" {
		t.Errorf("meanwhile served by %s", got)
	}
	_, _ = io.WriteString(conn, "still there?")
	e.line.set(false)
	b := make([]byte, 12)
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "still there?" {
		t.Errorf("got %q, %v", b, err)
	}
	eventually(t, "serving again", func() bool { return len(w.client().Serving) == 1 })
	if got := w.served(); got != "workstation" {
		t.Errorf("afterwards served by %s", got)
	}
}

func TestEndsOfDirectionsArePassedOnOneByOne(t *testing.T) {
	for _, side := range []string{"workstation", "origin"} {
		t.Run(side, func(t *testing.T) {
			w := newWorld(t)
			if side == "workstation" {
				w.connect(workstation)
			}
			conn := w.call()
			if got := greeting(t, conn); got != side {
				t.Fatalf("served by %s", got)
			}
			_, _ = io.WriteString(conn, "last words")
			_ = conn.CloseWrite()
			if got, err := io.ReadAll(conn); err != nil || string(got) != "last words" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestResetOfTheWorkstationReachesTheCaller(t *testing.T) {
	w := newWorld(t)
	w.connect(func(_ context.Context, s tunnel.Stream) {
		_ = s.Accept()
		_ = s.Reset()
	})
	if err := w.fate(); !isReset(err) {
		t.Errorf("got %v", err)
	}
}

func TestCallerOfAnOriginThatIsNotThereIsReset(t *testing.T) {
	w := newWorld(t)
	w.origin.close()
	if err := w.fate(); !isReset(err) {
		t.Errorf("got %v", err)
	}
}

func TestCountersTellWhoTookACall(t *testing.T) {
	w := newWorld(t)
	w.served()
	e := w.connect(workstation)
	conn := w.call()
	greeting(t, conn)
	eventually(t, "active", func() bool { return w.client().Counters.Active == 1 })
	_, _ = io.WriteString(conn, "hello")
	_ = conn.CloseWrite()
	_, _ = io.ReadAll(conn)
	want := control.Counters{Connections: 1, Origin: 1, BytesIn: 5, BytesOut: int64(len("workstation\nhello"))}
	eventually(t, "counted", func() bool { return w.client().Counters == want })
	if answer := e.serves(servicePort); answer.Generation != 7 || answer.Connections != 1 || answer.Origin != 1 {
		t.Errorf("answer on the serve stream: %+v", answer)
	}
}

func TestManyCallsAtOnceAllEndWell(t *testing.T) {
	w := newWorld(t)
	w.connect(workstation)
	const calls = 64
	failed := make(chan error, calls)
	for range calls {
		go func() {
			conn, err := net.Dial("tcp", w.dialAddr())
			if err == nil {
				_ = conn.SetDeadline(time.Now().Add(patience))
				_, _ = conn.Write(bytes.Repeat([]byte("x"), 100_000))
				_ = conn.(*net.TCPConn).CloseWrite()
				var b []byte
				if b, err = io.ReadAll(conn); err == nil && len(b) != 100_000+len("workstation\n") {
					err = errors.New("bytes are missing")
				}
				_ = conn.Close()
			}
			failed <- err
		}()
	}
	for range calls {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

func TestRefusalTellsWhyADialFailed(t *testing.T) {
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	cases := map[string]struct {
		err  error
		want tunnel.RefuseCode
	}{
		"refused":         {op(syscall.ECONNREFUSED), tunnel.RefusedConnection},
		"reset at once":   {op(syscall.ECONNRESET), tunnel.RefusedReset},
		"no route":        {op(syscall.EHOSTUNREACH), tunnel.RefusedUnreachable},
		"no network":      {op(syscall.ENETUNREACH), tunnel.RefusedNoNetwork},
		"kernel's time":   {op(syscall.ETIMEDOUT), tunnel.RefusedTimeout},
		"our time":        {op(context.DeadlineExceeded), tunnel.RefusedTimeout},
		"no such host":    {op(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), tunnel.RefusedNoSuchHost},
		"resolver silent": {op(&net.DNSError{Err: "i/o timeout", Name: "x", IsTimeout: true}), tunnel.RefusedTimeout},
		"resolver broken": {op(&net.DNSError{Err: "server misbehaving", Name: "x", IsTemporary: true}), tunnel.RefusedInternal},
		"something else":  {op(errors.New("other")), tunnel.RefusedInternal},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := refusal(c.err); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
