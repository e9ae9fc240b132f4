package agent

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/operator/control"
)

func TestPortInUseIsReportedAndTakenWhenItIsFree(t *testing.T) {
	w := newWorld(t)
	taken := must(net.Listen("tcp", ":0"))(t)
	defer func() { _ = taken.Close() }()
	number := int32(portOf(t, taken.Addr()))
	w.apply(func(d *control.Desired) {
		d.Ports = append(d.Ports, control.Port{ServicePort: 81, TargetPort: number, Protocol: "TCP", Origin: w.origin.addr()})
	})
	o := w.agent.Observe()
	if len(o.Failures) != 1 || o.Failures[0].TargetPort != number || !strings.Contains(o.Failures[0].Error, "in use") {
		t.Errorf("failures: %+v", o.Failures)
	}
	if len(o.Listening) != 1 {
		t.Errorf("listening: %v", o.Listening)
	}
	_ = taken.Close()
	eventually(t, "taken", func() bool { o := w.agent.Observe(); return len(o.Failures) == 0 && len(o.Listening) == 2 })
}

func TestAgentWithoutAnOperatorHandsOnWhatItWasStartedWith(t *testing.T) {
	number, origin := freePort(t), newEchoServer(t, "origin")
	newWorld(t, func(c *Config) {
		c.Ports = []control.Port{{ServicePort: 80, TargetPort: int32(number), Protocol: "TCP", Origin: origin.addr()}}
	})
	var conn net.Conn
	eventually(t, "a listener", func() (ok bool) {
		var err error
		conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", number))
		return err == nil
	})
	defer func() { _ = conn.Close() }()
	if got := greeting(t, conn); got != "origin" {
		t.Errorf("served by %s", got)
	}
}

func TestPortThatIsNotWantedAnyMoreIsClosed(t *testing.T) {
	w := newWorld(t)
	w.apply(func(d *control.Desired) { d.Ports = nil })
	if conn, err := net.Dial("tcp", w.dialAddr()); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
	if o := w.agent.Observe(); len(o.Listening) != 0 || o.Listening == nil {
		t.Errorf("listening: %v", o.Listening)
	}
}

func TestBothAddressFamiliesAreListenedOn(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		_ = l.Close()
	}
	w := newWorld(t)
	conn := must(net.Dial("tcp", fmt.Sprintf("[::1]:%d", w.target)))(t)
	defer func() { _ = conn.Close() }()
	if got := greeting(t, conn); got != "origin" {
		t.Errorf("served by %s", got)
	}
}

func TestChangedOriginHoldsForTheNextCall(t *testing.T) {
	w := newWorld(t)
	other := newEchoServer(t, "another origin")
	w.apply(func(d *control.Desired) { d.Ports = []control.Port{d.Ports[0]}; d.Ports[0].Origin = other.addr() })
	if got := w.served(); got != "another origin" {
		t.Errorf("served by %s", got)
	}
}

// TestDatagramsGoToTheOrigin: of a Service with TCP and UDP on one number, UDP is
// not the workstation's.
func TestDatagramsGoToTheOrigin(t *testing.T) {
	origin := must(net.ListenPacket("udp", "127.0.0.1:0"))(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, maxDatagram)
		for {
			n, from, err := origin.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = origin.WriteTo(append([]byte("origin: "), b[:n]...), from)
		}
	}()
	defer func() { _ = origin.Close(); <-done }()
	w := newWorld(t)
	w.apply(func(d *control.Desired) {
		d.Ports = append(d.Ports, control.Port{ServicePort: 53, TargetPort: int32(w.target), Protocol: "UDP", Origin: origin.LocalAddr().String()})
	})
	if o := w.agent.Observe(); len(o.Failures) != 0 || len(o.Listening) != 1 {
		t.Fatalf("observed: %+v", o)
	}
	for _, question := range []string{"one", "two"} {
		conn := must(net.Dial("udp", w.dialAddr()))(t)
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		for range 2 {
			_, _ = conn.Write([]byte(question))
			b := make([]byte, 100)
			n, err := conn.Read(b)
			if err != nil || string(b[:n]) != "origin: "+question {
				t.Errorf("got %q, %v", b[:n], err)
			}
		}
	}
}
