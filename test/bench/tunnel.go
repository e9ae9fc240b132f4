package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/cluster"
	"github.com/kubetunnel/kubetunnel/engine/link"
	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// ownTunnel is a tunnel to an agent whose workstation's end is in this process, so
// that what is added to it can be told from itself. The Service stays with the origin.
type ownTunnel struct {
	link   *link.Link
	handle *cluster.Handle
	pod    *engine.Pod
}

func openTunnel(ctx context.Context, kubeconfig, dir string) (t *ownTunnel, err error) {
	client, err := cluster.NewKubeconfig(kubeconfig).Connect("")
	if err != nil {
		return nil, err
	}
	survey, err := client.Survey(ctx, protocol.Target{Namespace: namespace, Service: "target"})
	if err == nil {
		err = survey.Err()
	}
	if err != nil {
		return nil, err
	}
	t = &ownTunnel{}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close(context.WithoutCancel(ctx)))
		}
	}()
	nobody := func(context.Context, int, string) (net.Conn, error) { return nil, errors.New("nobody listens here") }
	if t.link, err = link.New(engine.LinkConfig{Take: nobody, Attached: func(bool) {}, Lease: protocol.Target{}.Lease()}, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	t.handle, err = client.Create(ctx, survey, cluster.Request{
		Name: "bench-sandbox", Key: t.link.PublicKey(), Host: "bench", Inherit: true, Version: version.Version, LeaseSeconds: protocol.DefaultLeaseSeconds,
	})
	if err != nil {
		return nil, err
	}
	agent := func(ctx context.Context) (engine.AgentInfo, error) {
		agent, err := t.handle.WaitAgent(ctx)
		if err != nil {
			return engine.AgentInfo{}, err
		}
		return engine.AgentInfo{Key: agent.Key, Networks: agent.Networks}, nil
	}
	dial := func(ctx context.Context) (io.ReadWriteCloser, error) { return t.handle.Dial(ctx) }
	if err := t.link.Connect(ctx, agent, dial); err != nil {
		return nil, err
	}
	t.pod, err = t.link.Pod(ctx, filepath.Join(dir, "files"), "")
	return t, err
}

func (t *ownTunnel) close(ctx context.Context) error {
	var err error
	if t.handle != nil {
		err = t.handle.Delete(ctx)
		if err == nil {
			_, err = t.handle.WaitRestored(ctx)
		}
		t.handle.Close()
	}
	return errors.Join(err, t.link.Close())
}

// sandboxPod is the pod that a sandbox of this tunnel becomes.
func (t *ownTunnel) sandboxPod() *sandbox.Pod {
	pod := &sandbox.Pod{Hostname: t.pod.Hostname, Resolver: t.link, ResolvConf: []byte(t.pod.ResolvConf), Hosts: []byte(t.pod.Hosts)}
	for _, text := range t.pod.Addresses {
		if address, err := netip.ParseAddr(text); err == nil {
			pod.Addresses = append(pod.Addresses, address)
		}
	}
	return pod
}

// localPort leads to an address of the cluster through the tunnel alone, as programs
// have it that forward ports, until stop.
func (t *ownTunnel) localPort(ctx context.Context, target string) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { t.relay(ctx, near, target) })
		}
	})
	return l.Addr().String(), func() {
		cancel()
		_ = l.Close()
		group.Wait()
	}, nil
}

func (t *ownTunnel) relay(ctx context.Context, near net.Conn, target string) {
	defer func() { _ = near.Close() }()
	far, err := t.link.DialContext(ctx, "tcp", target)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: dialling", target, err)
		return
	}
	defer func() { _ = far.Close() }()
	stop := context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(far, near)
	}()
	copyHalf(near, far)
	<-done
}

// copyHalf copies one way, and passes its end on.
func copyHalf(to, from net.Conn) {
	_, _ = io.Copy(to, from) // an end by an error is an end
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
}
