package tunnel

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
)

func TestSpliceKeepsHalfClosedConnectionsAndPassesResetsOn(t *testing.T) {
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backend.Close() }()
	w := newWorld(t, Config{Handler: func(_ context.Context, s Stream) {
		conn, err := net.Dial("tcp", backend.Addr().String())
		if err != nil {
			_ = s.Refuse(RefusedConnection, err.Error())
			return
		}
		_ = s.Accept()
		Splice(s, conn)
	}})
	s := w.mustConnect(ClientConfig{})
	t.Run("half close", func(t *testing.T) {
		st, err := s.Open(t.Context(), Header{Kind: KindTCP})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		_, _ = st.Write([]byte("question"))
		_ = st.CloseWrite()
		conn, err := backend.Accept()
		if err != nil {
			t.Fatal(err)
		}
		question, err := io.ReadAll(conn)
		if string(question) != "question" || err != nil {
			t.Fatalf("%q %v", question, err)
		}
		answer := bytes.Repeat([]byte("a"), 1<<20)
		go func() { _, _ = conn.Write(answer); _ = conn.Close() }()
		got, err := io.ReadAll(st)
		if err != nil || len(got) != len(answer) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		st, err := s.Open(t.Context(), Header{Kind: KindTCP})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = st.Write([]byte("x"))
		conn, err := backend.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = st.Reset()
		if _, err := io.ReadAll(conn); err == nil {
			t.Error("the backend saw a clean end")
		}
		_ = conn.Close()
	})
}
