package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
)

func TestStreamCarriesBytesBothWaysAndItsHeader(t *testing.T) {
	headers := make(chan Header, 1)
	w := newWorld(t, Config{Handler: func(ctx context.Context, s Stream) { headers <- s.Header(); echo(ctx, s) }})
	s := w.mustConnect(ClientConfig{})
	st, err := s.Open(t.Context(), Header{Kind: KindTCP, Port: 80, Source: "10.0.0.1:5"})
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	go func() {
		_, _ = st.Write(want)
		_ = st.CloseWrite()
	}()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes of %d, %v", len(got), len(want), err)
	}
	if err := st.Accepted(t.Context()); err != nil {
		t.Error(err)
	}
	if h := <-headers; h.Port != 80 || h.Source != "10.0.0.1:5" {
		t.Errorf("header: %+v", h)
	}
	_ = st.Close()
}

func TestRefusalReachesTheOpenerWithItsReason(t *testing.T) {
	w := newWorld(t, Config{Handler: func(_ context.Context, s Stream) { _ = s.Refuse(RefusedConnection, "nobody listens") }})
	s := w.mustConnect(ClientConfig{})
	st, err := s.Open(t.Context(), Header{Kind: KindTCP})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = st.Write([]byte("early"))
	var refused *RefusedError
	if err := st.Accepted(t.Context()); !errors.As(err, &refused) || refused.Code != RefusedConnection {
		t.Errorf("got %v", err)
	}
	if _, err := st.Read(make([]byte, 1)); !errors.As(err, &refused) {
		t.Errorf("read: %v", err)
	}
	_ = st.Close()
}

func TestCloseWithoutEndIsSeenAsReset(t *testing.T) {
	w := newWorld(t, Config{Handler: func(_ context.Context, s Stream) {
		_ = s.Accept()
		_, _ = s.Write([]byte("half"))
		_ = s.Close()
	}})
	s := w.mustConnect(ClientConfig{})
	st, err := s.Open(t.Context(), Header{Kind: KindTCP})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(st)
	if string(got) != "half" || !errors.Is(err, ErrReset) {
		t.Errorf("got %q, %v", got, err)
	}
	_ = st.Close()
}
