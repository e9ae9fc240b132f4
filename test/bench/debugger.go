package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

const (
	// wayDelve is what a session's debugger stands beside.
	wayDelve = "the adapter alone"
	// debuggeeFolder has the program that is debugged.
	debuggeeFolder = "test/editors/conformance/app"
	// inARow is how many requests one way gets before the other has its turn.
	inARow = 250
)

// requests is a debugger whose program stands still, and what its answers took, in milliseconds.
type requests struct {
	debugger *servertest.Debugger
	frame    int
	took     []float64
}

// ask asks for a variable's value, inARow times.
func (r *requests) ask(ctx context.Context) error {
	for range inARow {
		began := time.Now()
		value, err := r.debugger.Evaluate(ctx, r.frame, "sum")
		r.took = append(r.took, float64(time.Since(began).Nanoseconds())/1e6)
		if err != nil || value != "0" {
			return fmt.Errorf("sum is %q, %w", value, err)
		}
	}
	return nil
}

// debuggerRows measures what the proxies between an editor and its debug adapter add to a
// request: that of a session, and both of the stand-alone debug adapter.
func (b *bench) debuggerRows(ctx context.Context) error {
	alone, err := b.delveAlone(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = alone.debugger.Close() }()
	for _, way := range []struct {
		name string
		open func(context.Context) (d *servertest.Debugger, stop func(context.Context) error, err error)
	}{
		{"debugger: a request by a session's endpoint", b.debugByEndpoint},
		{"debugger: a request by tunnel-server dap", b.debugByStdio},
	} {
		if err := b.requestRow(ctx, way.name, alone, way.open); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	return alone.debugger.Disconnect(ctx, false)
}

func (b *bench) requestRow(ctx context.Context, name string, alone *requests, open func(context.Context) (*servertest.Debugger, func(context.Context) error, error)) (err error) {
	d, stop, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(context.WithoutCancel(ctx))) }()
	through, err := standStill(ctx, d, b.debuggee())
	if err != nil {
		return err
	}
	alone.took = nil
	for range b.rounds * 8 {
		if err := errors.Join(alone.ask(ctx), through.ask(ctx)); err != nil {
			return err
		}
	}
	b.report.beside(name+", p50", median(through.took), "ms", wayDelve, median(alone.took))
	return nil
}

// debuggee is the launch configuration, the source, and where it is to stop.
func (b *bench) debuggee() map[string]any {
	return map[string]any{"type": "go", "request": "launch", "mode": "debug", "program": filepath.Join(b.cluster.Root, debuggeeFolder)}
}

// standStill launches the program and waits for its breakpoint.
func standStill(ctx context.Context, d *servertest.Debugger, launch map[string]any) (*requests, error) {
	source := filepath.Join(fmt.Sprint(launch["program"]), "main.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	before, _, found := strings.Cut(string(text), "// breakpoint here")
	if !found {
		return nil, fmt.Errorf("%s has no line for a breakpoint", source)
	}
	if err := d.Launch(ctx, launch, source, strings.Count(before, "\n")+1); err != nil {
		return nil, err
	}
	stopped, err := d.WaitStopped(ctx)
	if err != nil {
		return nil, err
	}
	stack, err := d.Stack(ctx, stopped.Body.ThreadId)
	if err != nil {
		return nil, err
	}
	return &requests{debugger: d, frame: stack[0].Id}, nil
}

// delveAlone is Delve, reached by a Unix socket as in a session, and nothing between.
func (b *bench) delveAlone(ctx context.Context) (*requests, error) {
	dir, err := os.MkdirTemp("", "ktb")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := net.Listen("unix", filepath.Join(dir, "dap"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	launch := b.debuggee()
	cmd := exec.CommandContext(ctx, "dlv", "dap", "--client-addr=unix:"+l.Addr().String()) //nolint:gosec // our own
	cmd.Dir = fmt.Sprint(launch["program"])
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it ends with its connection
		_ = l.Close()
	}()
	conn, err := l.Accept()
	if err != nil {
		return nil, fmt.Errorf("dlv does not connect: %w", err)
	}
	return standStill(ctx, servertest.NewDebugger(conn), launch)
}

// debugByEndpoint is a session as an editor extension has it.
func (b *bench) debugByEndpoint(ctx context.Context) (*servertest.Debugger, func(context.Context) error, error) {
	const id = "debugger"
	launch, err := json.Marshal(b.debuggee())
	if err != nil {
		return nil, nil, err
	}
	started, err := b.editor.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: id, Target: protocol.Target{Namespace: namespace, Service: "target"}, Launch: launch,
	})
	if err != nil {
		return nil, nil, err
	}
	stop := func(ctx context.Context) error {
		_, err := b.editor.Server.StopSession(ctx, &protocol.SessionParams{ID: id})
		return err
	}
	d, err := servertest.DialDAP(ctx, started.DAP)
	if err != nil {
		return nil, nil, errors.Join(err, stop(ctx))
	}
	return d, stop, nil
}

// debugByStdio is the stand-alone debug adapter, which has a proxy of its own before the session's.
func (b *bench) debugByStdio(context.Context) (*servertest.Debugger, func(context.Context) error, error) {
	cmd := exec.Command(b.cluster.Server, "--kubeconfig", b.kubeconfig, "dap", "--adapter", "go", "--service", namespace+"/target", "--stdio") //nolint:gosec // our own
	cmd.Stderr = os.Stderr
	d, err := servertest.StartDAP(cmd)
	if err != nil {
		return nil, nil, err
	}
	return d, func(ctx context.Context) error {
		return errors.Join(d.Disconnect(ctx, false), d.WaitExit())
	}, nil
}
