package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// debuggee is a stand-in for cart in some language, under that language's debugger.
type debuggee struct {
	source string
	// launch is its launch configuration as people write it, but for "request" and "env".
	launch func(ctx context.Context, t *testing.T, source string) map[string]any
	// expression is looked at when it stands still.
	expression, want string
}

var debuggees = map[string]debuggee{
	"debugpy": {
		source: "cart.py", expression: "cents", want: "35",
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return map[string]any{"type": "debugpy", "program": source, "python": os.Getenv("KUBETUNNEL_PYTHON")}
		},
	},
	"lldb-dap": {
		source: "cart.cc", expression: "total", want: "3",
		launch: func(ctx context.Context, t *testing.T, source string) map[string]any {
			binary := filepath.Join(t.TempDir(), "cart")
			if out, err := exec.CommandContext(ctx, "g++", "-g", "-O0", "-o", binary, source).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return map[string]any{"type": "lldb-dap", "program": binary}
		},
	},
}

func TestEachDebuggerStopsAtACallOfTheCluster(t *testing.T) {
	for name, d := range debuggees {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			e := openEditor(ctx, t)
			d.debug(ctx, t, e, name)
			stopSession(ctx, t, e, name)
			restored()
			waitServedBy(ctx, t, false)
		})
	}
}

// debug is a session up to the answer of a call that has stopped at the breakpoint.
func (d debuggee) debug(ctx context.Context, t *testing.T, e *servertest.Editor, id string) {
	t.Helper()
	source, line := breakpointIn(t, filepath.Join("testdata", "debuggers", d.source))
	port := freePort(ctx, t)
	configuration := d.launch(ctx, t, source)
	configuration["request"], configuration["env"] = "launch", map[string]string{"LISTEN": listenOn(port)}
	launch, err := json.Marshal(configuration)
	if err != nil {
		t.Fatal(err)
	}
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: id, Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: port}, Launch: launch})
	if err != nil {
		t.Fatal(err)
	}
	s, err := servertest.DialDAP(ctx, started.DAP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Launch(ctx, json.RawMessage(launch), source, line); err != nil {
		t.Fatalf("%v\n%s\n%s", err, s.Output(), e.Output(id))
	}
	if _, err := e.WaitState(ctx, id, protocol.StateLive); err != nil {
		t.Fatalf("%v\n%s", err, s.Output())
	}
	answered := make(chan error, 1)
	go func() {
		answered <- cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
			answer, err := d.call(ctx)
			return err == nil && cluster.AtWorkstation(answer.ServedBy) && answer.Currency == "EUR", err
		})
	}()
	stopped, err := s.WaitStopped(ctx)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := s.Stack(ctx, stopped.Body.ThreadId)
	if err != nil || len(frames) == 0 || frames[0].Line != line {
		t.Fatalf("stack %+v, %v", frames, err)
	}
	if value, err := s.Evaluate(ctx, frames[0].Id, d.expression); err != nil || value != d.want {
		t.Errorf("%s is %s, %v; want %s", d.expression, value, err, d.want)
	}
	if err := s.SetBreakpoints(ctx, source); err != nil {
		t.Fatal(err)
	}
	if err := s.Continue(ctx, stopped.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

func (debuggee) call(ctx context.Context) (answer struct{ ServedBy, Currency string }, err error) {
	raw, err := world.Call(ctx, shop, "http://cart/cart/ann", true)
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	return answer, err
}

// breakpointIn is a file's absolute path, and the line that is marked in it.
func breakpointIn(t *testing.T, file string) (path string, line int) {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range strings.Split(string(content), "\n") {
		if strings.Contains(text, "breakpoint here") {
			return path, i + 1
		}
	}
	t.Fatalf("no line for a breakpoint in %s", path)
	return "", 0
}
