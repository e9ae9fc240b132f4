package tunnel

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestSlowReaderDoesNotHoldUpOtherStreams(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	s := w.mustConnect(ClientConfig{})
	slow := opened(t, s, Header{Kind: KindTCP})
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		_, _ = slow.Write(make([]byte, 64<<20)) // the echo comes back and is not read
	}()
	for i := range 20 {
		if err := roundTrip(t.Context(), s, i, 50_000); err != nil {
			t.Fatal(err)
		}
	}
	_ = slow.Close()
	<-blocked
}

func TestWhatIsKeptForANewTransportIsBounded(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	b := &switchboard{w: w}
	s := w.mustConnect(ClientConfig{Dial: b.dial})
	// One that is there from before, and has the far side's whole window.
	var streams []Stream
	for range 8 {
		st := opened(t, s, Header{Kind: KindTCP})
		if err := st.Accepted(t.Context()); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, st)
	}
	b.cut()
	<-s.pipe.lostNow()
	results := make(chan error, len(streams))
	for _, st := range streams {
		go func() {
			_, err := st.Write(make([]byte, 3<<20))
			results <- err
		}()
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for isClosed(s.pipe.roomy()) { // until there is no room for them all
		<-tick.C
	}
	for _, st := range streams {
		_ = st.SetWriteDeadline(time.Now())
	}
	blocked := 0
	for range streams {
		if err := <-results; errors.Is(err, os.ErrDeadlineExceeded) {
			blocked++
		} else if err != nil {
			t.Errorf("write: %v", err)
		}
	}
	if kept := s.Stats().Unacknowledged; kept > replayLimit || kept < bulkLimit || blocked == 0 {
		t.Errorf("%d bytes are kept, %d writers waited", kept, blocked)
	}
	// Streams can still be opened (when somebody has the time), and be closed.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Open(ctx, Header{Kind: KindTCP}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("open: %v", err)
	}
	for _, st := range streams {
		_ = st.Close()
	}
	b.mend()
	if err := roundTrip(t.Context(), s, 1, 100_000); err != nil {
		t.Error(err)
	}
}

func TestReadDeadlineHoldsWhileAFrameIsHalfHere(t *testing.T) {
	w := newWorld(t, Config{Handler: func(_ context.Context, s Stream) {
		_ = s.Accept()
		_, _ = s.Write(make([]byte, 8<<20))
		_, _ = s.Read(make([]byte, 1))
		_ = s.Close()
	}})
	b := &switchboard{w: w}
	s := w.mustConnect(ClientConfig{Dial: b.dial})
	st := opened(t, s, Header{Kind: KindFile})
	if _, err := st.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	b.cut() // somewhere in the midst of the 8 MiB
	_ = st.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := io.Copy(io.Discard, st); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	b.mend()
	_ = st.SetReadDeadline(time.Time{})
	if _, err := io.CopyN(io.Discard, st, 1<<20); err != nil {
		t.Error(err)
	}
	_ = st.Close()
}

func TestWriterIsLetGoWhenTheFarSideClosesAndNobodyReads(t *testing.T) {
	result := make(chan error, 1)
	w := newWorld(t, Config{Handler: func(_ context.Context, s Stream) {
		_ = s.Accept()
		_, err := s.Write(make([]byte, 64<<20))
		result <- err
		_ = s.Close()
	}})
	s := w.mustConnect(ClientConfig{})
	st := opened(t, s, Header{Kind: KindFile})
	if _, err := io.CopyN(io.Discard, st, 1000); err != nil {
		t.Fatal(err)
	}
	_ = st.Close()
	if err := <-result; !errors.Is(err, ErrReset) {
		t.Errorf("got %v", err)
	}
}
