package agent

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

func TestOnlyNamedClientsAreLetIn(t *testing.T) {
	w := newWorld(t)
	w.apply(func(d *control.Desired) { d.Clients = nil })
	_, err := w.dial(workstation)
	var unauthorized *tunnel.UnauthorizedError
	if !errors.As(err, &unauthorized) {
		t.Errorf("got %v", err)
	}
}

func TestWithdrawnClientLosesItsCallsAndCantComeBack(t *testing.T) {
	w := newWorld(t)
	e := w.connect(workstation)
	conn := w.call()
	greeting(t, conn)
	w.apply(func(d *control.Desired) { d.Clients = nil })
	if got := w.served(); got != "origin" {
		t.Errorf("served by %s", got)
	}
	if _, err := io.ReadAll(conn); !isReset(err) {
		t.Errorf("the caller got %v", err)
	}
	<-e.Done()
	if _, err := w.dial(workstation); err == nil {
		t.Error("it is let in again")
	}
}

func TestWhatAFormerClientServedIsStillTold(t *testing.T) {
	w := newWorld(t)
	w.connect(workstation)
	for range 3 {
		if got := w.served(); got != "workstation" {
			t.Fatalf("served by %s", got)
		}
	}
	w.apply(func(d *control.Desired) { d.Clients = nil })
	if c := w.client(); c.Intercept != "uid" || c.Attached || c.Counters.Connections != 3 || c.Counters.Active != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestNewSessionOfAClientReplacesTheFormerOne(t *testing.T) {
	w := newWorld(t)
	former := w.connect(refuse)
	w.connect(workstation)
	<-former.Done()
	if got := w.served(); got != "workstation" {
		t.Errorf("served by %s", got)
	}
}

func TestClientThatIsAwayIsTimed(t *testing.T) {
	w := newWorld(t)
	if c := w.client(); c.Seen || c.Attached || c.Intercept != "uid" {
		t.Errorf("before: %+v", c)
	}
	e := w.connect(workstation)
	if c := w.client(); !c.Seen || c.AwayMillis != 0 {
		t.Errorf("attached: %+v", c)
	}
	e.line.set(true)
	eventually(t, "away", func() bool { c := w.client(); return !c.Attached && c.Seen && c.AwayMillis > 0 })
}

func TestPortsOfTwoClientsOfOneServiceAreKeptApart(t *testing.T) {
	w := newWorld(t)
	other := must(tunnel.GenerateKey())(t)
	w.apply(func(d *control.Desired) {
		d.Clients = append(d.Clients, control.Client{Intercept: "other", Key: other.Public(), Ports: []int32{443}, LeaseMillis: 60_000})
	})
	w.engineKey = other
	e := must(w.dial(workstation))(t)
	t.Cleanup(func() { _ = e.Close() })
	e.serves(servicePort, 443)
	if got := w.served(); got != "origin" {
		t.Errorf("port of the first client served by %s", got)
	}
}

// TestOperatorIsToldOverTheControlChannel speaks as the operator does.
func TestOperatorIsToldOverTheControlChannel(t *testing.T) {
	w := newWorld(t)
	link := control.Dial(control.Options{Address: w.controlAddr, Key: w.operatorKey, Peer: w.agentKey.Public(), Changed: func() {}})
	defer link.Close()
	link.Set(w.desired)
	seen := func(what string, holds func(control.Observed) bool) {
		t.Helper()
		eventually(t, what, func() bool { s := link.State(); return s.Observed != nil && s.Current && holds(*s.Observed) })
	}
	seen("listening", func(o control.Observed) bool { return len(o.Listening) == 1 && o.Twin == "none" })
	e := w.connect(workstation)
	seen("serving", func(o control.Observed) bool { return o.Clients[0].Attached && len(o.Clients[0].Serving) == 1 })
	e.line.set(true)
	seen("away", func(o control.Observed) bool { return !o.Clients[0].Attached && o.Clients[0].AwayMillis > 0 })
}

// TestGarbageHurtsNobody sends to every door what does not belong there.
func TestGarbageHurtsNobody(t *testing.T) {
	w := newWorld(t)
	for _, door := range []string{w.tunnelAddr, w.controlAddr} {
		conn := must(net.Dial("tcp", door))(t)
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: what is this, and why is it so long\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	w.apply(func(d *control.Desired) {
		d.Ports = append(d.Ports, control.Port{TargetPort: -1}, control.Port{TargetPort: 70000}, control.Port{TargetPort: 1, Protocol: "SCTP"})
	})
	if failures := w.agent.Observe().Failures; len(failures) != 3 {
		t.Errorf("failures: %+v", failures)
	}
	e := w.attach(workstation)
	for _, garbage := range []string{"not JSON\n", `{"ports":"all"}` + "\n", `{"ports":[1e99]}` + "\n", string(make([]byte, 2*maxServeLine))} {
		s := e.open(tunnel.Header{Kind: tunnel.KindServe})
		_, _ = io.WriteString(s, garbage)
		if _, err := io.ReadAll(s); err == nil {
			t.Errorf("%.20q was taken", garbage)
		}
	}
	e.serves(servicePort, -5, 0)
	if got := w.served(); got != "workstation" {
		t.Errorf("served by %s", got)
	}
}
