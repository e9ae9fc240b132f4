package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

// childMarker names the file in which a server in a process of its own notes that it has ended its sessions.
const childMarker = "KUBETUNNEL_SERVER_TEST_MARKER"

func TestMain(m *testing.M) {
	if marker := os.Getenv(childMarker); marker != "" {
		os.Exit(serveChild(marker))
	}
	goleak.VerifyTestMain(m)
}

// backend is an engine without a cluster. What is called is noted in calls.
type backend struct {
	// start takes the place of a start that succeeds at once.
	start func(context.Context, *protocol.StartSessionParams, server.Listener) (*protocol.StartSessionResult, error)
	// closing is called by Close.
	closing func(context.Context) error
	// found is what Preflight finds, err what all else fails with.
	found []protocol.Diagnostic
	err   error

	mu       sync.Mutex
	calls    []string
	listener server.Listener
}

func (b *backend) called(format string, args ...any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, fmt.Sprintf(format, args...))
	return b.err
}

func (b *backend) has(call string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.calls, call)
}

func (b *backend) heard() server.Listener {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listener
}

func (b *backend) Capabilities() protocol.ServerCapabilities {
	return protocol.ServerCapabilities{Sandbox: protocol.SandboxInfo{Mode: "loopback"}}
}

func (b *backend) Contexts(_ context.Context, p *protocol.ListContextsParams) (*protocol.ListContextsResult, error) {
	return &protocol.ListContextsResult{Revision: "3"}, b.called("contexts %s", p.Unless)
}

func (b *backend) Namespaces(_ context.Context, p *protocol.ListNamespacesParams) (*protocol.ListNamespacesResult, error) {
	return &protocol.ListNamespacesResult{Revision: "4"}, b.called("namespaces %s %s", p.Context, p.Unless)
}

func (b *backend) Services(_ context.Context, p *protocol.ListServicesParams) (*protocol.ListServicesResult, error) {
	return &protocol.ListServicesResult{Services: []protocol.Service{{Name: "cart"}}, Revision: "2"}, b.called("services %s %s %s", p.Context, p.Namespace, p.Unless)
}

func (b *backend) OperatorStatus(_ context.Context, kubeContext string) (*protocol.OperatorStatusResult, error) {
	return &protocol.OperatorStatusResult{Wanted: "1"}, b.called("status %s", kubeContext)
}

func (b *backend) InstallOperator(_ context.Context, p *protocol.InstallOperatorParams, progress func(string)) (*protocol.OperatorStatusResult, error) {
	progress("applying")
	return &protocol.OperatorStatusResult{Installed: true, Wanted: "1"}, b.called("install %s", p.Context)
}

func (b *backend) UninstallOperator(_ context.Context, kubeContext string, progress func(string)) error {
	progress("removing")
	return b.called("uninstall %s", kubeContext)
}

func (b *backend) EndIntercept(_ context.Context, p *protocol.EndInterceptParams) error {
	return b.called("endIntercept %s", p.Service)
}

func (b *backend) Suggest(_ context.Context, p *protocol.SuggestSessionParams) ([]protocol.Suggestion, error) {
	return nil, b.called("suggest %s", p.File)
}

func (b *backend) Resolve(_ context.Context, p *protocol.ResolveSessionParams) (*protocol.ResolveSessionResult, error) {
	return &protocol.ResolveSessionResult{Kind: protocol.KindDebug, Launch: p.Launch}, b.called("resolve %s", p.Target.Service)
}

func (b *backend) Preflight(context.Context, *protocol.PreflightParams) ([]protocol.Diagnostic, error) {
	return b.found, b.called("preflight")
}

func (b *backend) Start(ctx context.Context, p *protocol.StartSessionParams, l server.Listener) (*protocol.StartSessionResult, error) {
	b.mu.Lock()
	b.listener = l
	b.mu.Unlock()
	if b.start != nil {
		return b.start(ctx, p, l)
	}
	return &protocol.StartSessionResult{Session: session(p.ID, protocol.StateStarting)}, b.called("start %s", p.ID)
}

func (b *backend) Environment(_ context.Context, id string, user map[string]*string) (map[string]*string, error) {
	return user, b.called("environment %s", id)
}

func (b *backend) Join(_ context.Context, id string, processID int) error {
	return b.called("join %s %d", id, processID)
}

func (b *backend) Stop(_ context.Context, id string) (protocol.SessionInfo, error) {
	return session(id, protocol.StateEnded), b.called("stop %s", id)
}

func (b *backend) Restart(_ context.Context, id string) error { return b.called("restart %s", id) }
func (b *backend) Sessions() []protocol.SessionInfo           { return nil }

func (b *backend) Traffic(id string) (*protocol.Traffic, error) {
	return &protocol.Traffic{Connections: 7}, b.called("traffic %s", id)
}

func (b *backend) Close(ctx context.Context) error {
	_ = b.called("close")
	if b.closing != nil {
		return b.closing(ctx)
	}
	return ctx.Err()
}

func session(id string, state protocol.State, stages ...protocol.Stage) protocol.SessionInfo {
	info := protocol.SessionInfo{ID: id, Kind: protocol.KindDebug, State: state, Reason: "it is " + string(state)}
	for _, s := range stages {
		info.Stages = append(info.Stages, protocol.StageTime{Stage: s, BeganMillis: 1})
	}
	return info
}

func options(b *backend) server.Options {
	return server.Options{
		NewBackend: func(kubeconfig string) (server.Backend, error) {
			if kubeconfig == "missing" {
				return nil, protocol.Errorf(protocol.CodeNoKubeconfig, "there is no kubeconfig %s", kubeconfig)
			}
			return b, b.called("new %s", kubeconfig)
		},
		Log: slog.New(slog.DiscardHandler), Version: "1.2.3",
	}
}

// dial gives an editor that has not said initialize.
func dial(t *testing.T, opts server.Options) *servertest.Editor {
	t.Helper()
	e := servertest.Serve(t.Context(), opts)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-e.Exited()
	})
	return e
}

// open gives an editor that has.
func open(t *testing.T, b *backend) *servertest.Editor {
	t.Helper()
	e := dial(t, options(b))
	if err := e.Open(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return e
}

func expectCode(t *testing.T, err error, code protocol.ErrorCode) {
	t.Helper()
	_ = numbered(t, err, code)
}

func numbered(t *testing.T, err error, code protocol.ErrorCode) *protocol.Error {
	t.Helper()
	var e *protocol.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want code %d", err, code)
	}
	return e
}

// serveChild is a server in a process of its own: it has a lot to say at its end.
func serveChild(marker string) int {
	b := &backend{}
	b.closing = func(context.Context) error {
		if l := b.heard(); l != nil {
			for i := range 1000 {
				l.SessionOutput("a", "stdout", fmt.Sprintf("last words %d\n", i))
				l.SessionChanged(session("a", protocol.StateStopping))
				fmt.Fprintln(os.Stderr, "log of the end")
			}
		}
		return os.WriteFile(marker, []byte("ended"), 0o600)
	}
	opts := options(b)
	opts.Log = slog.New(slog.NewTextHandler(io.Writer(os.Stderr), nil))
	return server.ServeStdio(context.Background(), os.Stdin, os.Stdout, opts)
}
