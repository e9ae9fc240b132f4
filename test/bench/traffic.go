package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// measured is the load generator's answer.
type measured struct {
	Requests  int64   `json:"requests"`
	Failed    int64   `json:"failed"`
	PerSecond float64 `json:"perSecond"`
	P50Millis float64 `json:"p50Millis"`
	P99Millis float64 `json:"p99Millis"`
	MBPerSec  float64 `json:"mbPerSec"`
}

// way is one way from a caller to something that answers.
type way struct {
	name string
	// base is where the target is, ask asks the load generator that calls it.
	base string
	ask  func(ctx context.Context, query url.Values) (*measured, error)
	// reversed: the caller is at the workstation, so what it downloads goes the
	// way of what an intercept's caller uploads.
	reversed bool

	p50, p99, rate, connect, out, in []float64
}

const (
	wayIntercept = "intercept"
	wayOrigin    = "the origin directly"
	wayForward   = "a plain port-forward"
)

// traffic measures requests and bulk, the three ways in turn, while a session is live.
func (b *bench) traffic(ctx context.Context) (err error) {
	const id = "traffic"
	idle, err := b.serverRSS()
	if err != nil {
		return err
	}
	if _, err := b.start(ctx, id); err != nil {
		return err
	}
	if _, err := b.editor.WaitState(ctx, id, protocol.StateLive); err != nil {
		return err
	}
	ways, stop, err := b.ways(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for i := range b.rounds {
		for _, w := range ways {
			if err := b.measure(ctx, w); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
		say(fmt.Sprintf("round %d of traffic is done", i))
	}
	b.tellTraffic(ways)
	if err := b.memory(ctx, idle); err != nil {
		return err
	}
	_, err = b.stop(ctx, id)
	return err
}

func (b *bench) ways(ctx context.Context) (ways []*way, stop func(), err error) {
	pod, ip, err := b.originPod(ctx)
	if err != nil {
		return nil, nil, err
	}
	forwarded, stopForward, err := b.portForward(ctx, pod, 8080)
	if err != nil {
		return nil, nil, err
	}
	local, stopLocal, err := localLoad(ctx, filepath.Join(b.cluster.Root, "bin", "image", "loadgen"))
	if err != nil {
		stopForward()
		return nil, nil, err
	}
	inCluster := func(ctx context.Context, q url.Values) (*measured, error) {
		raw, err := b.cluster.Ask(ctx, namespace, http.MethodGet, "bench", q)
		return decode(raw, err)
	}
	return []*way{
		{name: wayIntercept, base: "http://target", ask: inCluster},
		{name: wayOrigin, base: "http://" + net.JoinHostPort(ip, "8080"), ask: inCluster},
		{name: wayForward, base: "http://" + forwarded, ask: local, reversed: true},
	}, func() { stopLocal(); stopForward() }, nil
}

func decode(raw []byte, err error) (*measured, error) {
	if err != nil {
		return nil, err
	}
	var m measured
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: %.200s", err, raw)
	}
	return &m, nil
}

// localLoad runs the load generator on the workstation.
func localLoad(ctx context.Context, binary string) (ask func(context.Context, url.Values) (*measured, error), stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(binary) //nolint:gosec // our own
	cmd.Env = append(os.Environ(), "LISTEN="+address)
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	ask, err = askLoad(ctx, http.DefaultClient, address)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return ask, stop, nil
}

// askLoad waits for a load generator, and gives the way to ask it.
func askLoad(ctx context.Context, client *http.Client, host string) (func(context.Context, url.Values) (*measured, error), error) {
	get := func(ctx context.Context, path string) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer func() { _ = response.Body.Close() }()
		raw, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", response.Status, raw)
		}
		return raw, err
	}
	err := cluster.Wait(ctx, "the load generator", func() (bool, error) {
		_, err := get(ctx, "/healthz")
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, q url.Values) (*measured, error) {
		return decode(get(ctx, "/bench?"+q.Encode()))
	}, nil
}

// measure measures everything on one way, once.
func (b *bench) measure(ctx context.Context, w *way) error {
	size := strconv.FormatInt(b.megabytes*1_000_000, 10)
	ask := func(mode, path string, conns int) (*measured, error) {
		m, err := w.ask(ctx, url.Values{
			"mode": {mode}, "url": {w.base + path}, "conns": {strconv.Itoa(conns)}, "seconds": {strconv.Itoa(b.seconds)}, "size": {size},
		})
		if err == nil && m.Failed > 0 {
			say(fmt.Sprintf("%s, %s: %d of %d requests failed", w.name, mode, m.Failed, m.Requests))
			b.failedLoad += m.Failed
		}
		return m, err
	}
	latency, err1 := ask("latency", "/", 1)
	rate, err2 := ask("rate", "/", 16)
	connect, err3 := ask("connect", "/", 16)
	down, err4 := ask("down", "/bytes?size="+size, 1)
	up, err5 := ask("up", "/sink", 1)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	out, in := down.MBPerSec, up.MBPerSec
	if w.reversed {
		out, in = in, out
	}
	w.p50, w.p99 = append(w.p50, latency.P50Millis), append(w.p99, latency.P99Millis)
	w.rate, w.connect = append(w.rate, rate.PerSecond), append(w.connect, connect.PerSecond)
	w.out, w.in = append(w.out, out), append(w.in, in)
	return nil
}

// tellTraffic puts the intercept's figures beside those of each other way.
func (b *bench) tellTraffic(ways []*way) {
	of := ways[0]
	for _, figure := range []struct {
		name, unit string
		values     func(*way) []float64
	}{
		{"latency p50, 1 kept-alive connection", "ms", func(w *way) []float64 { return w.p50 }},
		{"latency p99, 1 kept-alive connection", "ms", func(w *way) []float64 { return w.p99 }},
		{"requests, 16 kept-alive connections", "/s", func(w *way) []float64 { return w.rate }},
		{"new connections, 16 at once", "/s", func(w *way) []float64 { return w.connect }},
		{"bulk from the workstation (answers)", "MB/s", func(w *way) []float64 { return w.out }},
		{"bulk to the workstation (uploads)", "MB/s", func(w *way) []float64 { return w.in }},
	} {
		for _, other := range ways[1:] {
			b.report.beside(figure.name, median(figure.values(of)), figure.unit, other.name, median(figure.values(other)))
		}
	}
	b.report.add("requests failed under load", float64(b.failedLoad), "requests")
}
