package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// opened are streams by which an engine has something of the cluster.
func (w *world) opened(e *engine, mount string) map[string]tunnel.Stream {
	w.t.Helper()
	tcp := e.open(tunnel.Header{Kind: tunnel.KindTCP, Target: w.origin.addr()})
	if got := greeting(w.t, tcp); got != "origin" {
		w.t.Fatalf("got %q", got)
	}
	udp := e.open(tunnel.Header{Kind: tunnel.KindUDP, Target: w.origin.addr()})
	if err := udp.Accepted(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	file := e.open(tunnel.Header{Kind: tunnel.KindFile, Target: mount})
	var content tunnel.MountContent
	if err := json.NewDecoder(file).Decode(&content); err != nil {
		w.t.Fatal(err)
	}
	return map[string]tunnel.Stream{"a connection": tcp, "datagrams": udp, "files": file}
}

// outgoing are the kinds of stream that want something of the cluster.
func (w *world) outgoing() []tunnel.Header {
	return []tunnel.Header{
		{Kind: tunnel.KindTCP, Target: w.origin.addr()}, {Kind: tunnel.KindUDP, Target: w.origin.addr()},
		{Kind: tunnel.KindDNS}, {Kind: tunnel.KindEnv}, {Kind: tunnel.KindFile, Target: "/etc/app"},
	}
}

func TestDrainingClientHasNothingOfTheClusterAnyMoreButItsCallsEndWell(t *testing.T) {
	dir, socket := t.TempDir(), filepath.Join(t.TempDir(), "twin.sock")
	w := newWorld(t, withTwin(listenUnix(t, socket)))
	e := w.connect(workstation)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { Twin(ctx, socket, []tunnel.Mount{{Path: dir}}) })
	t.Cleanup(func() { cancel(); group.Wait() })
	environment(t, e.open(tunnel.Header{Kind: tunnel.KindEnv}))
	conn := w.call()
	greeting(t, conn)
	opened := w.opened(e, dir)
	w.draining(patience)
	for name, s := range opened {
		if b, err := io.ReadAll(s); err == nil || len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for _, h := range w.outgoing() {
		if got := e.refusedWith(h); got != tunnel.RefusedForbidden {
			t.Errorf("%s: %s", h.Kind, got)
		}
	}
	e.serves() // its own part of the end
	w.endsWell(conn)
	w.apply(func(d *control.Desired) { d.Draining = false })
	if got := greeting(t, e.open(tunnel.Header{Kind: tunnel.KindTCP, Target: w.origin.addr()})); got != "origin" {
		t.Errorf("after a draining that was taken back: %q", got)
	}
}

func TestEnvironmentThatIsWaitedForIsNotGivenToADrainingClient(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "twin.sock")
	w := newWorld(t, withTwin(listenUnix(t, socket)))
	e := w.connect(workstation)
	env := e.open(tunnel.Header{Kind: tunnel.KindEnv})
	e.serves(servicePort)
	w.draining(patience)
	startTwin(t, socket)
	if b, err := io.ReadAll(env); err == nil || len(b) > 0 {
		t.Errorf("it got %d bytes", len(b))
	}
}

func TestClientThatComesBackWhileItsInterceptEndsHasNothingOfTheCluster(t *testing.T) {
	w := newWorld(t)
	e := w.connect(workstation)
	conn := w.call() // it is what the agent drains
	greeting(t, conn)
	e.line.set(true)
	eventually(t, "away", func() bool { return !w.client().Attached })
	w.draining(patience)
	e.line.set(false)
	eventually(t, "back", func() bool { return w.client().Attached })
	for _, h := range w.outgoing() {
		if got := e.refusedWith(h); got != tunnel.RefusedForbidden {
			t.Errorf("%s: %s", h.Kind, got)
		}
	}
}

// Its session says goodbye first, and may take its time.
func TestClientThatIsNotNamedAnyMoreHasNothingOfTheClusterFromThenOn(t *testing.T) {
	w := newWorld(t)
	w.connect(workstation)
	w.agent.mu.Lock()
	c := w.agent.clients[w.engineKey.Public()]
	w.agent.mu.Unlock()
	w.apply(func(d *control.Desired) { d.Clients = nil })
	if c.presentWay().Err() == nil {
		t.Error("its way to the cluster is open")
	}
}
