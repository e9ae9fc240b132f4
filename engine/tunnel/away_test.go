package tunnel

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

func TestSilenceIsSeenAndTheSessionGoesOnWithItsStreams(t *testing.T) {
	quick := Config{Heartbeat: 20 * time.Millisecond, Silence: 200 * time.Millisecond}
	w := newWorld(t, Config{Handler: echo})
	gates, told := make(chan gate, 100), make(states, 100)
	quick.OnAttached = func(attached bool) { told <- attached }
	s := w.mustConnect(ClientConfig{Config: quick, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
		conn, err := w.dialTCP(ctx)
		g := newGate(conn)
		gates <- g
		return g, err
	}})
	st := opened(t, s, Header{Kind: KindTCP})
	told.want(t, true)
	g := <-gates
	g.shut.Lock() // nothing passes any more, in either direction
	told.want(t, false)
	g.shut.Unlock()
	told.want(t, true)
	if _, err := st.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if _, err := io.ReadFull(st, b); err != nil || string(b) != "still here" {
		t.Fatalf("%q, %v", b, err)
	}
}

func TestServerSeesSilenceByTheClocksOfThatClient(t *testing.T) {
	told := make(states, 100)
	w := newWorld(t, Config{
		Heartbeat: 20 * time.Millisecond, Silence: 200 * time.Millisecond,
		OnAttached: func(attached bool) { told <- attached },
	})
	gates := make(chan gate, 100)
	slow := Config{Heartbeat: 100 * time.Millisecond, Silence: time.Hour}
	s := w.mustConnect(ClientConfig{Config: slow, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
		conn, err := w.dialTCP(ctx)
		g := newGate(conn)
		gates <- g
		return g, err
	}})
	far := <-w.sessions
	told.want(t, true)
	g := <-gates
	g.shut.Lock()
	told.want(t, false)
	if far.Attached() {
		t.Error("the session says that it is attached")
	}
	g.shut.Unlock() // the client learns that the server has closed, and comes back
	told.want(t, true)
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}

func TestLostTransportIsToldAtOnceAndItsSuccessorToo(t *testing.T) {
	told := make(states, 100)
	w := newWorld(t, Config{
		Handler: echo, Heartbeat: time.Hour, Silence: time.Hour,
		OnAttached: func(attached bool) { told <- attached },
	})
	b := &switchboard{w: w}
	s := w.mustConnect(ClientConfig{Dial: b.dial})
	told.want(t, true)
	b.cut()
	told.want(t, false)
	b.mend()
	told.want(t, true)
	if err := roundTrip(t.Context(), s, 1, 1000); err != nil {
		t.Error(err)
	}
}

func TestObserverMayCloseTheSession(t *testing.T) {
	w := newWorld(t, Config{})
	b := &switchboard{w: w}
	sessions := make(chan *Session, 1)
	s := w.mustConnect(ClientConfig{Dial: b.dial, Config: Config{OnAttached: func(attached bool) {
		if !attached {
			_ = (<-sessions).Close()
		}
	}}})
	sessions <- s
	b.cut()
	<-s.Done()
	if !errors.Is(s.Err(), ErrClosed) {
		t.Errorf("got %v", s.Err())
	}
}

func TestSessionIsAbandonedWhenNobodyComesBack(t *testing.T) {
	w := newWorld(t, Config{Abandon: 50 * time.Millisecond, Handler: echo})
	b := &switchboard{w: w}
	s := w.mustConnect(ClientConfig{Config: Config{Abandon: 50 * time.Millisecond}, Dial: b.dial})
	far := <-w.sessions
	st := opened(t, s, Header{Kind: KindTCP})
	b.cut()
	if _, err := st.Read(make([]byte, 1)); !errors.Is(err, ErrAbandoned) {
		t.Errorf("the stream's error is %v", err)
	}
	<-s.Done()
	<-far.Done()
	if !errors.Is(s.Err(), ErrAbandoned) || !errors.Is(far.Err(), ErrAbandoned) {
		t.Errorf("got %v and %v", s.Err(), far.Err())
	}
}

func TestShortAbsenceIsNotAnEnd(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	b := &switchboard{w: w}
	s := w.mustConnect(ClientConfig{Dial: b.dial})
	for i := range 5 {
		b.cut()
		b.mend()
		if err := roundTrip(t.Context(), s, i, 10_000); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGoodbyeEndsTheFarSideAtOnce(t *testing.T) {
	w := newWorld(t, Config{})
	s := w.mustConnect(ClientConfig{})
	far := <-w.sessions
	_ = s.Close()
	_ = s.Close()
	<-far.Done()
	if !errors.Is(far.Err(), ErrClosed) {
		t.Errorf("got %v", far.Err())
	}
}

func TestGoodbyeUnderLoadIsNotTakenForALostTransport(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	for i := range 10 {
		s := w.mustConnect(ClientConfig{})
		far := <-w.sessions
		for range 4 {
			st := opened(t, s, Header{Kind: KindTCP})
			go func() {
				for b := make([]byte, 100_000); ; {
					if _, err := st.Write(b); err != nil {
						return
					}
				}
			}()
			go func() { _, _ = io.Copy(io.Discard, st) }()
			if _, err := st.Read(make([]byte, 1+rand.IntN(1000))); err != nil {
				t.Fatal(err)
			}
		}
		first, second := s, far
		if i%2 == 1 {
			first, second = far, s
		}
		_ = first.Close()
		<-second.Done()
		for _, err := range []error{first.Err(), second.Err()} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	}
}

func TestServerThatForgotTheSessionEndsIt(t *testing.T) {
	w := newWorld(t, Config{})
	b := &switchboard{w: w}
	s := w.mustConnect(ClientConfig{Dial: b.dial})
	<-w.sessions
	b.cut()
	w.server.Withdraw(w.clientKey.Public())
	b.mend()
	<-s.Done()
	if !errors.Is(s.Err(), ErrForgotten) {
		t.Errorf("got %v", s.Err())
	}
}
