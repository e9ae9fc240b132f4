package tunnel

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// knock is a connection that only tells whether it was sent away.
type knock struct{ closed bool }

func (k *knock) Close() error {
	k.closed = true
	return nil
}

func TestFullDoorSendsAwayWhoHasWaitedLongest(t *testing.T) {
	d := NewDoor(2)
	a, b, c, e := &knock{}, &knock{}, &knock{}, &knock{}
	d.Enter(a)
	d.Enter(b)
	d.Leave(a)
	d.Leave(a)
	d.Enter(c)
	if a.closed || b.closed || c.closed {
		t.Error("there was room for all")
	}
	d.Enter(e)
	if !b.closed || c.closed || e.closed || d.Waiting() != 2 {
		t.Errorf("sent away: %v %v %v; %d wait, want the oldest alone, and 2", b.closed, c.closed, e.closed, d.Waiting())
	}
}

// crowd opens many connections that say nothing more than begin, and holds them.
func crowd(t *testing.T, address string, size int, begin []byte) (held []net.Conn) {
	t.Helper()
	for range size {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = conn.Write(begin) // it may have been sent away already
		held = append(held, conn)
	}
	return held
}

func TestSilentCrowdKeepsNobodyOut(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	first := w.mustConnect(ClientConfig{})
	for name, begin := range map[string][]byte{
		"says nothing":       nil,
		"half a hello":       []byte("KTP1\x01"),
		"a hello, then none": hello{major: versionMajor, minor: versionMinor}.append(nil),
	} {
		held := crowd(t, w.addr, 3*maxGreeting, begin)
		if err := roundTrip(t.Context(), w.mustConnect(ClientConfig{}), 1, 1000); err != nil {
			t.Errorf("a crowd that %s: %v", name, err)
		}
		if n := w.server.door.Waiting(); n > maxGreeting {
			t.Errorf("a crowd that %s: %d wait, want %d at most", name, n, maxGreeting)
		}
		// The oldest have been sent away.
		if err := held[0].SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, held[0]); isTimeout(err) {
			t.Errorf("a crowd that %s: its oldest is still there", name)
		}
	}
	if err := roundTrip(t.Context(), first, 2, 1000); err != nil {
		t.Errorf("the session from before: %v", err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
