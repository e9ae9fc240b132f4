package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
)

const (
	// wayAlone is what a sandbox stands beside.
	wayAlone = "the tunnel alone, by a local port"
	// sandboxStarts is how often a sandbox is started.
	sandboxStarts = 30
	// loadPort is where the load generator listens in the sandbox.
	loadPort = 9999
)

// sandboxRows measures what a sandbox takes, and what it adds to the tunnel behind it.
func (b *bench) sandboxRows(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "ktb")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t, err := openTunnel(ctx, b.kubeconfig, dir)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		defer cancel()
		err = errors.Join(err, t.close(end))
	}()
	if err := b.sandboxStart(ctx, t); err != nil {
		return err
	}
	box, err := sandbox.New(ctx, sandbox.Config{Dir: dir, Cluster: t.link, Pod: t.sandboxPod(), Mode: sandbox.ModeNamespaces}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	if err := b.sandboxTraffic(ctx, t, box); err != nil {
		return err
	}
	if err := b.sandboxDNS(ctx, t, box); err != nil {
		return err
	}
	return b.sandboxLeak(ctx, box)
}

// sandboxStart times a sandbox until it is the pod, and until a program in it has ended.
func (b *bench) sandboxStart(ctx context.Context, t *ownTunnel) error {
	var made, ran []float64
	for range sandboxStarts {
		began := time.Now()
		box, err := sandbox.New(ctx, sandbox.Config{Cluster: t.link, Pod: t.sandboxPod(), Mode: sandbox.ModeNamespaces}, nil)
		if err != nil {
			return err
		}
		made = append(made, millis(began))
		p, err := box.Start(ctx, sandbox.Command{Args: []string{"/bin/true"}, Dir: "/"})
		if err == nil {
			_, err = p.Wait(ctx)
		}
		ran = append(ran, millis(began))
		if err := errors.Join(err, box.Close(ctx)); err != nil {
			return err
		}
	}
	b.report.add("sandbox: start until it is the pod", median(made), "ms")
	b.report.add("sandbox: start until a program in it has ended", median(ran), "ms")
	return nil
}

func millis(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

// sandboxTraffic lets the load generator call a Service, in the sandbox and beside it.
func (b *bench) sandboxTraffic(ctx context.Context, t *ownTunnel, box sandbox.Sandbox) error {
	binary := filepath.Join(b.cluster.Root, "bin", "image", "loadgen")
	local, stopLocal, err := localLoad(ctx, binary)
	if err != nil {
		return err
	}
	defer stopLocal()
	address, stopPort, err := t.localPort(ctx, "prober:80")
	if err != nil {
		return err
	}
	defer stopPort()
	inside, stopInside, err := insideLoad(ctx, box, binary)
	if err != nil {
		return err
	}
	defer stopInside()
	through := &way{name: "sandbox and tunnel", base: "http://prober", ask: inside, reversed: true}
	alone := &way{name: wayAlone, base: "http://" + address, ask: local, reversed: true}
	for i := range b.rounds {
		for _, w := range []*way{alone, through} {
			if err := b.measure(ctx, w); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
		say(fmt.Sprintf("round %d of the sandbox's traffic is done", i))
	}
	r := b.report
	r.beside("sandbox: latency p50, 1 kept-alive connection", median(through.p50), "ms", wayAlone, median(alone.p50))
	r.beside("sandbox: latency p99, 1 kept-alive connection", median(through.p99), "ms", wayAlone, median(alone.p99))
	r.beside("sandbox: new connections, 16 at once", median(through.connect), "/s", wayAlone, median(alone.connect))
	r.beside("sandbox: bulk out of it (uploads)", median(through.out), "MB/s", wayAlone, median(alone.out))
	r.beside("sandbox: bulk into it (answers)", median(through.in), "MB/s", wayAlone, median(alone.in))
	return nil
}

// insideLoad runs the load generator in the sandbox.
func insideLoad(ctx context.Context, box sandbox.Sandbox, binary string) (ask func(context.Context, url.Values) (*measured, error), stop func(), err error) {
	p, err := box.Start(ctx, sandbox.Command{Args: []string{binary}, Dir: "/", Env: append(os.Environ(), "LISTEN=:"+strconv.Itoa(loadPort)), Stderr: os.Stderr})
	if err != nil {
		return nil, nil, err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return box.Dial(ctx, netip.AddrPort{}, loadPort)
	}}
	stop = func() {
		transport.CloseIdleConnections()
		_ = p.End(context.WithoutCancel(ctx)) // it ends with the sandbox at the latest
	}
	ask, err = askLoad(ctx, &http.Client{Transport: transport}, "inside")
	if err != nil {
		stop()
		return nil, nil, err
	}
	return ask, stop, nil
}

// sandboxDNS counts questions that programs have answered, beside the same at the tunnel.
func (b *bench) sandboxDNS(ctx context.Context, t *ownTunnel, box sandbox.Sandbox) error {
	const name = "prober." + namespace + ".svc.cluster.local."
	good, bad, seconds, err := inside(ctx, box, "dns", name, b.seconds)
	if err != nil {
		return err
	}
	question, err := question(name)
	if err != nil {
		return err
	}
	var c counter
	until := time.Now().Add(time.Duration(b.seconds) * time.Second)
	c.work(func() bool { return time.Now().Before(until) }, func() error {
		_, err := t.link.Resolve(ctx, question)
		return err
	})
	b.report.beside("sandbox: DNS questions, 16 at once", float64(good)/seconds, "/s", "the tunnel alone", float64(c.good.Load())/c.seconds)
	b.report.add("sandbox: DNS questions failed", float64(bad), "questions")
	return nil
}

// inside runs this program in the sandbox, as something that counts.
func inside(ctx context.Context, box sandbox.Sandbox, what, target string, number int) (good, bad int64, seconds float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, 0, err
	}
	var out bytes.Buffer
	p, err := box.Start(ctx, sandbox.Command{
		Args: []string{self}, Dir: "/", Stdout: &out, Stderr: os.Stderr,
		Env: append(os.Environ(), insideVariable+"="+fmt.Sprint(what, " ", target, " ", number)),
	})
	if err != nil {
		return 0, 0, 0, err
	}
	if _, err := p.Wait(ctx); err != nil {
		return 0, 0, 0, err
	}
	if _, err := fmt.Sscan(out.String(), &good, &bad, &seconds); err != nil {
		return 0, 0, 0, fmt.Errorf("it says %q: %w", out.String(), err)
	}
	return good, bad, seconds, nil
}
