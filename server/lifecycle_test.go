package server_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

func initialize(ctx context.Context, e *servertest.Editor, version, kubeconfig string, pid int) (*protocol.InitializeResult, error) {
	return e.Server.Initialize(ctx, &protocol.InitializeParams{ProtocolVersion: version, Kubeconfig: kubeconfig, ProcessID: pid})
}

func TestNothingIsTakenBeforeInitialize(t *testing.T) {
	b := &backend{}
	e := dial(t, options(b))
	_, err := e.Server.ListSessions(t.Context(), &protocol.Empty{})
	expectCode(t, err, protocol.CodeServerNotInitialized)
	_, err = e.Server.Shutdown(t.Context(), &protocol.Empty{})
	expectCode(t, err, protocol.CodeServerNotInitialized)
	if _, err := initialize(t.Context(), e, protocol.Version, "", 0); err != nil {
		t.Error(err)
	}
}

func TestInitializeTellsWhatTheServerCanDoAndComesOnce(t *testing.T) {
	b := &backend{}
	e := dial(t, options(b))
	result, err := initialize(t.Context(), e, protocol.Version, "some/path", 0)
	if err != nil {
		t.Fatal(err)
	}
	if result.ProtocolVersion != protocol.Version || result.ServerInfo.Version != "1.2.3" || result.Capabilities.Adapters == nil || result.Capabilities.Sandbox.Mode != "loopback" {
		t.Errorf("got %+v", result)
	}
	if !b.has("new some/path") {
		t.Errorf("calls: %v", b.calls)
	}
	_, err = initialize(t.Context(), e, protocol.Version, "", 0)
	expectCode(t, err, protocol.CodeInvalidRequest)
}

func TestAnotherMajorVersionIsRefusedAndToldWhatToUpdate(t *testing.T) {
	e := dial(t, options(&backend{}))
	for version, want := range map[string]string{"0.9": "extension", "2.0": "tunnel-server", "": "extension", "x": "extension"} {
		_, err := initialize(t.Context(), e, version, "", 0)
		refused := numbered(t, err, protocol.CodeInvalidParams)
		if refused.Data.Fix == nil || !strings.Contains(refused.Data.Fix.Title, want) {
			t.Errorf("version %q: %+v", version, refused.Data.Fix)
		}
	}
	if _, err := initialize(t.Context(), e, "1.99", "", 0); err != nil {
		t.Errorf("a later minor version: %v", err)
	}
}

func TestInitializeThatFailsCanBeTriedAgain(t *testing.T) {
	e := dial(t, options(&backend{}))
	_, err := initialize(t.Context(), e, protocol.Version, "missing", 0)
	expectCode(t, err, protocol.CodeNoKubeconfig)
	_, err = e.Server.ListSessions(t.Context(), &protocol.Empty{})
	expectCode(t, err, protocol.CodeServerNotInitialized)
	if _, err := initialize(t.Context(), e, protocol.Version, "", 0); err != nil {
		t.Error(err)
	}
}

func TestAfterShutdownOnlyExitIsTaken(t *testing.T) {
	b := &backend{}
	e := open(t, b)
	if _, err := e.Server.Shutdown(t.Context(), &protocol.Empty{}); err != nil || !b.has("close") {
		t.Fatalf("shutdown: %v, %v", err, b.calls)
	}
	_, err := e.Server.ListSessions(t.Context(), &protocol.Empty{})
	expectCode(t, err, protocol.CodeInvalidRequest)
	_, err = e.Server.Shutdown(t.Context(), &protocol.Empty{})
	expectCode(t, err, protocol.CodeInvalidRequest)
	_, err = initialize(t.Context(), e, protocol.Version, "", 0)
	expectCode(t, err, protocol.CodeInvalidRequest)
	if err := e.Server.Exit(t.Context(), &protocol.Empty{}); err != nil {
		t.Fatal(err)
	}
	if code, err := e.WaitExit(t.Context()); code != 0 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestExitCodeTellsWhetherShutdownCame(t *testing.T) {
	t.Run("quit", func(t *testing.T) {
		if code, err := open(t, &backend{}).Quit(t.Context()); code != 0 || err != nil {
			t.Errorf("exit code %d, %v", code, err)
		}
	})
	t.Run("exit alone", func(t *testing.T) {
		b := &backend{}
		e := open(t, b)
		if err := e.Server.Exit(t.Context(), &protocol.Empty{}); err != nil {
			t.Fatal(err)
		}
		if code, _ := e.WaitExit(t.Context()); code != 1 || !b.has("close") {
			t.Errorf("exit code %d, %v", code, b.calls)
		}
	})
	t.Run("exit before initialize", func(t *testing.T) {
		e := dial(t, options(&backend{}))
		if err := e.Server.Exit(t.Context(), &protocol.Empty{}); err != nil {
			t.Fatal(err)
		}
		if code, _ := e.WaitExit(t.Context()); code != 1 {
			t.Errorf("exit code %d", code)
		}
	})
}

func TestExitRightBehindShutdownWaitsForIt(t *testing.T) {
	began, release := make(chan struct{}, 2), make(chan struct{})
	b := &backend{closing: func(context.Context) error {
		began <- struct{}{}
		<-release
		return nil
	}}
	e := open(t, b)
	answered := make(chan error, 1)
	go func() {
		_, err := e.Server.Shutdown(t.Context(), &protocol.Empty{})
		answered <- err
	}()
	<-began
	if err := e.Server.Exit(t.Context(), &protocol.Empty{}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if code, _ := e.WaitExit(t.Context()); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSessionsEndWhenTheEditorGoes(t *testing.T) {
	closed := make(chan error, 2)
	b := &backend{closing: func(ctx context.Context) error { closed <- ctx.Err(); return nil }}
	e := open(t, b)
	_ = e.Close()
	if code, err := e.WaitExit(t.Context()); code != 1 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	if err := <-closed; err != nil {
		t.Errorf("the sessions were ended under a ctx that had ended: %v", err)
	}
}

func TestASignalEndsTheSessionsAndTheEditorHearsIt(t *testing.T) {
	b := &backend{}
	b.closing = func(ctx context.Context) error {
		b.heard().SessionChanged(session("a", protocol.StateEnded))
		return ctx.Err()
	}
	ctx, signal := context.WithCancel(t.Context())
	e := servertest.Serve(ctx, options(b))
	defer func() { _ = e.Close() }()
	if err := e.Open(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Server.StartSession(t.Context(), &protocol.StartSessionParams{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	signal()
	if _, err := e.WaitState(t.Context(), "a", protocol.StateEnded); err != nil {
		t.Error(err)
	}
	if code, err := e.WaitExit(t.Context()); code != 1 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestSessionsEndWhenTheEditorsProcessGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Bool
		b := &backend{}
		e := dial(t, options(b).WithAlive(func(pid int) bool { return pid == 4711 && !gone.Load() }))
		if _, err := initialize(t.Context(), e, protocol.Version, "", 4711); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // of the test's own clock
		select {
		case <-e.Exited():
			t.Fatal("ended while the process lived")
		default:
		}
		gone.Store(true)
		if code, err := e.WaitExit(t.Context()); code != 1 || err != nil || !b.has("close") {
			t.Errorf("exit code %d, %v, %v", code, err, b.calls)
		}
	})
}

func TestEndOfSessionsHasADeadlineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{closing: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		e := open(t, b)
		began := time.Now()
		_ = e.Close()
		<-e.Exited()
		if took := time.Since(began); took != server.CloseTimeout {
			t.Errorf("took %s", took)
		}
	})
}

func TestEngineThatIsMadeForAnEditorThatHasGoneIsClosed(t *testing.T) {
	b := &backend{}
	opts := options(b)
	making, release := make(chan struct{}), make(chan struct{})
	opts.NewBackend = func(string) (server.Backend, error) {
		close(making)
		<-release
		return b, nil
	}
	e := dial(t, opts)
	failed := make(chan error, 1)
	go func() {
		_, err := initialize(t.Context(), e, protocol.Version, "", 0)
		failed <- err
	}()
	<-making
	if _, err := e.Server.ListSessions(t.Context(), &protocol.Empty{}); err == nil {
		t.Error("a request was taken before the answer to initialize")
	}
	_ = e.Close()
	<-failed
	close(release)
	<-e.Exited()
	if !b.has("close") {
		t.Error("the engine lives on")
	}
}

func TestEditorThatIsKilledDoesNotKillTheServerBeforeItsSessionsAreEnded(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	cmd := exec.Command(os.Args[0]) //nolint:gosec // this test
	cmd.Env = append(os.Environ(), childMarker+"="+marker)
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	e, err := servertest.Spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Open(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Server.StartSession(t.Context(), &protocol.StartSessionParams{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	// All ends of an editor's pipes go at once; whoever writes to them gets SIGPIPE.
	if err := errors.Join(logs.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	if code, err := e.WaitExit(t.Context()); code != 1 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	if got, err := os.ReadFile(marker); err != nil || string(got) != "ended" {
		t.Errorf("the sessions were not ended: %q, %v", got, err)
	}
}

func TestServeStdioClosesWhatItCan(t *testing.T) {
	r, w := io.Pipe()
	_ = w.Close()
	if code := server.ServeStdio(t.Context(), r, io.Discard, options(&backend{})); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if _, err := r.Read(nil); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("standard input is open: %v", err)
	}
}
