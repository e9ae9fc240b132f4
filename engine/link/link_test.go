package link

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

const linkTestTime = 30 * time.Second

// testAgent is the far side of a tunnel, with a key of its own.
type testAgent struct {
	server  *tunnel.Server
	address string
	key     tunnel.PublicKey
}

func startTestAgent(t *testing.T) *testAgent {
	t.Helper()
	key, err := tunnel.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := tunnel.NewServer(tunnel.ServerConfig{Key: key, Authorize: func(tunnel.PublicKey) (tunnel.Config, error) {
		return tunnel.Config{Handler: func(_ context.Context, s tunnel.Stream) { _ = s.Close() }, Abandon: linkTestTime}, nil
	}})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	a := &testAgent{server: server, address: listener.Addr().String(), key: key.Public()}
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return a
}

// An agent whose Deployment was deleted is made anew, with another key: the operator tells it.
func TestLinkGoesOnWithAnAgentOfAnotherKey(t *testing.T) {
	first, second := startTestAgent(t), startTestAgent(t)
	var mu sync.Mutex
	present := first
	now := func() *testAgent {
		mu.Lock()
		defer mu.Unlock()
		return present
	}
	attached := make(chan bool, 16)
	l, err := New(engine.LinkConfig{Attached: func(on bool) { attached <- on }, Lease: linkTestTime}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	err = l.Connect(t.Context(), func(context.Context) (engine.AgentInfo, error) {
		return engine.AgentInfo{Key: string(now().key)}, nil
	}, func(ctx context.Context) (io.ReadWriteCloser, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", now().address)
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	present = second
	mu.Unlock()
	_ = first.server.Close()
	timeout := time.After(linkTestTime / 2)
	for gone := false; ; {
		select {
		case on := <-attached:
			if gone && on {
				return
			}
			gone = gone || !on
		case <-l.Lost():
			t.Fatal(l.LostError())
		case <-timeout:
			t.Fatal("there is no tunnel to the second agent")
		}
	}
}
