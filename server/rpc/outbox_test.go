package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatIsSentKeepsItsOrder(t *testing.T) {
	var c *Conn
	ready := make(chan struct{})
	p := newPeer(t, func(ctx context.Context, method string, _ json.RawMessage) (any, error) {
		<-ready
		for i := range 3 {
			if err := c.Notify(ctx, fmt.Sprint(method, i), nil); err != nil {
				return nil, err
			}
		}
		return "done", nil
	})
	c = p.rpc
	close(ready)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"n"}`)
	for i := range 3 {
		if a := p.receive(); a.Method != fmt.Sprint("n", i) {
			t.Fatalf("got %+v", a)
		}
	}
	if a := p.receive(); string(a.Result) != `"done"` {
		t.Fatalf("got %+v", a)
	}
}

// stalled is a connection whose far side neither reads nor writes.
type stalled struct {
	writing chan struct{} // one for each write that has begun
	read    chan struct{} // a write ends for each
	closed  chan struct{}
	got     []byte
}

func newStalled() *stalled {
	return &stalled{writing: make(chan struct{}, 100), read: make(chan struct{}), closed: make(chan struct{})}
}

func (s *stalled) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}

func (s *stalled) Write(p []byte) (int, error) {
	s.writing <- struct{}{}
	select {
	case <-s.read:
		s.got = append(s.got, p...)
		return len(p), nil
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *stalled) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

func newStalledConn(t *testing.T) (*Conn, *stalled) {
	t.Helper()
	s := newStalled()
	return New(t.Context(), s, echo, slog.New(slog.DiscardHandler)), s
}

func TestOptionalIsLeftOutAndLatestReplacedWhenTheFarSideLags(t *testing.T) {
	c, s := newStalledConn(t)
	if err := c.Notify(t.Context(), "first", nil); err != nil {
		t.Fatal(err)
	}
	<-s.writing // from now on all else waits
	big := strings.Repeat("x", 1<<20)
	if err := c.NotifyOptional("big", big); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := c.NotifyLatest("p", "latest", i); err != nil {
			t.Fatal(err)
		}
	}
	sent := 1
	for c.NotifyOptional("big", big) == nil {
		sent++
	}
	if err := c.NotifyOptional("big", big); !errors.Is(err, ErrLagging) || sent < lagLimit>>20 {
		t.Errorf("%d sent, then %v", sent, err)
	}
	if err := c.Notify(t.Context(), "state", nil); err != nil {
		t.Errorf("a state was left out: %v", err)
	}
	for range sent + 3 {
		s.read <- struct{}{}
	}
	c.Flush(t.Context())
	all := string(s.got)
	if n := strings.Count(all, `"latest"`); n != 1 || !strings.Contains(all, `"params":4`) {
		t.Errorf("%d of the latest", n)
	}
	if !strings.HasSuffix(all, `"method":"state","params":null}`) {
		t.Error("the state did not come last")
	}
	if err := c.NotifyOptional("big", big); err != nil {
		t.Errorf("the lag is over: %v", err)
	}
	_ = s.Close()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestFarSideThatNeverReadsCountsAsGone(t *testing.T) {
	c, s := newStalledConn(t)
	big := frame{content: make([]byte, 16<<20)}
	for {
		err := c.stream.out.put(big)
		if err == nil {
			continue
		}
		if !errors.Is(err, errGone) {
			t.Errorf("got %v", err)
		}
		break
	}
	<-c.Done()
	<-s.closed
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestFailedWriteEndsTheConnection(t *testing.T) {
	ours, theirs := net.Pipe()
	_ = ours.Close()
	c := New(t.Context(), theirs, echo, slog.New(slog.DiscardHandler))
	_ = c.Notify(t.Context(), "x", nil)
	<-c.Done()
	c.Flush(t.Context())
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// deaf is a standard output that nobody reads: closing it does not end a write.
type deaf struct {
	*stalled
	release chan struct{}
}

func (d *deaf) Write(p []byte) (int, error) {
	<-d.release
	return len(p), nil
}

func TestCloseDoesNotWaitForAFarSideThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deaf{newStalled(), make(chan struct{})}
		c := New(t.Context(), d, echo, slog.New(slog.DiscardHandler))
		if err := c.Notify(t.Context(), "x", nil); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := c.Close(); err != nil || time.Since(began) != finishTimeout {
			t.Errorf("closed after %s: %v", time.Since(began), err)
		}
		close(d.release)
	})
}
