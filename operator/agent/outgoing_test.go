package agent

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

func TestEngineConnectsFromThePod(t *testing.T) {
	w := newWorld(t)
	e := w.attach(workstation)
	s := e.open(tunnel.Header{Kind: tunnel.KindTCP, Target: w.origin.addr()})
	if err := s.Accepted(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := greeting(t, s); got != "origin" {
		t.Errorf("got %q", got)
	}
	_, _ = io.WriteString(s, "hello")
	_ = s.CloseWrite()
	if b, err := io.ReadAll(s); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestStreamsThatCantBeServedAreRefusedWithTheReason(t *testing.T) {
	w := newWorld(t)
	e := w.attach(workstation)
	closed := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	cases := map[string]struct {
		header tunnel.Header
		want   tunnel.RefuseCode
	}{
		"nobody listens":       {tunnel.Header{Kind: tunnel.KindTCP, Target: closed}, tunnel.RefusedConnection},
		"no port":              {tunnel.Header{Kind: tunnel.KindTCP, Target: "127.0.0.1"}, tunnel.RefusedInternal},
		"no target":            {tunnel.Header{Kind: tunnel.KindTCP}, tunnel.RefusedInternal},
		"datagrams to no port": {tunnel.Header{Kind: tunnel.KindUDP, Target: "127.0.0.1"}, tunnel.RefusedInternal},
		"files without twin":   {tunnel.Header{Kind: tunnel.KindFile}, tunnel.RefusedUnsupported},
		"an unknown kind":      {tunnel.Header{Kind: "telepathy"}, tunnel.RefusedUnsupported},
		"env without twin":     {tunnel.Header{Kind: tunnel.KindEnv}, tunnel.RefusedUnsupported},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := e.refusedWith(c.header); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDNSMessagesReachThePodsNameserver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.53.53:53")
	if err != nil {
		t.Skipf("can't be a nameserver here: %v", err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.CopyN(conn, conn, 2+5)
		_ = conn.Close()
	}()
	defer func() { _ = l.Close(); <-answered }()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	// The first one does not answer.
	if err := os.WriteFile(path, []byte("search x\nnameserver 127.0.53.54\nnameserver 127.0.53.53\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, withResolver(path))
	s := w.attach(workstation).open(tunnel.Header{Kind: tunnel.KindDNS})
	message := append(binary.BigEndian.AppendUint16(nil, 5), "query"...)
	_, _ = s.Write(message)
	if b, err := io.ReadAll(s); err != nil || !slices.Equal(b, message) {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestDNSWithoutANameserverIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte("search x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, withResolver(path))
	if got := w.attach(workstation).refusedWith(tunnel.Header{Kind: tunnel.KindDNS}); got != tunnel.RefusedUnsupported {
		t.Errorf("got %s", got)
	}
}
