package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// What the cluster calls.
const (
	reviews         = "http://reviews/reviews/apple"
	recommendations = "http://recommendations/recommendations/ann"
	stock           = "http://stock/stock/apple"
)

// openLanguages adds the shop's services in other languages, once.
var openLanguages = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := world.Languages(ctx, shop, func(string) {}); err != nil {
		return err
	}
	return cluster.Wait(ctx, "the Services in other languages", func() (bool, error) {
		var failed error
		for _, url := range []string{reviews, recommendations, stock} {
			_, err := world.Call(ctx, shop, url, true)
			failed = errors.Join(failed, err)
		}
		return failed == nil, failed
	})
})

func needLanguages(t *testing.T) {
	t.Helper()
	if err := openLanguages(); err != nil {
		t.Fatal(err)
	}
}

// python is a launch configuration that runs a module in the folder of a source file.
func python(source, module string, env map[string]string, args ...string) map[string]any {
	whole := map[string]string{"PYTHONDONTWRITEBYTECODE": "1"} // it is the checkout's folder
	for name, value := range env {
		whole[name] = value
	}
	return map[string]any{"type": "debugpy", "module": module, "args": args, "env": whole, "cwd": filepath.Dir(source), "python": os.Getenv("KUBETUNNEL_PYTHON")}
}

// express is a launch configuration for the TypeScript service, as people write it.
func express(source string) map[string]any {
	folder := filepath.Dir(filepath.Dir(source))
	return map[string]any{
		"__workspaceFolder": folder, // an editor with js-debug adds it
		"type":              "pwa-node", "program": source, "cwd": folder, "sourceMaps": true, "outFiles": []string{filepath.Join(folder, "dist", "**", "*.js")},
	}
}

// startJSDebug starts js-debug beside the session, as it is in an editor.
func startJSDebug(ctx context.Context, t *testing.T) *protocol.Endpoint {
	t.Helper()
	address := listenOn(freePort(ctx, t))
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", os.Getenv("KUBETUNNEL_JS_DEBUG"), port, host) //nolint:gosec // our own
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "listening at") {
			return &protocol.Endpoint{Network: "tcp", Address: address}
		}
	}
	t.Fatalf("js-debug does not start: %v", lines.Err())
	return nil
}

// A reloader starts another process of the program whenever a source changes; each is
// debugged in its turn.
func TestDebuggerOfPythonFollowsTheReloader(t *testing.T) {
	ctx := testContext(t)
	d := debuggees["debugpy, Flask with its reloader"]
	source := filepath.Join(t.TempDir(), "app.py")
	original, err := os.ReadFile(filepath.Join(world.Root, d.source))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, original, 0o600); err != nil {
		t.Fatal(err)
	}
	if d.source, err = filepath.Rel(world.Root, source); err != nil {
		t.Fatal(err)
	}
	needLanguages(t)
	restored := remember(ctx, t, shop, d.service)
	e := openEditor(ctx, t)
	s := d.start(ctx, t, e, "reloader")
	s.attach(ctx, t, e)
	s.family.more(ctx, t, 1)
	s.stopAtCall(ctx, t)
	changed := bytes.Replace(original, []byte("item=item,"), []byte(`item=item, edition="second",`), 1)
	if err := os.WriteFile(source, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	s.family.more(ctx, t, 1)
	s.answer = `"edition":"second"`
	s.stopAtCall(ctx, t)
	stopSession(ctx, t, e, "reloader")
	restored()
}

// callOnAndOn makes a call each moment, whatever becomes of those before, until enough is
// called, which gives the answers to wait for.
func (d debuggee) callOnAndOn(ctx context.Context) (enough func() (answers []<-chan error)) {
	calling, cancel := context.WithCancel(ctx)
	made := make(chan []<-chan error, 1)
	go func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		var answers []<-chan error
		for {
			answers = append(answers, d.callAside(ctx))
			select {
			case <-tick.C:
			case <-calling.Done():
				made <- answers
				return
			}
		}
	}()
	return func() []<-chan error {
		cancel()
		return <-made
	}
}

// The workers of Node's cluster share the port; the editor has a session for each, also
// where the debugger is its own.
func TestDebuggerOfNodeHasASessionForEachWorker(t *testing.T) {
	for _, name := range []string{"js-debug, Express in TypeScript", "js-debug in the editor, Express in TypeScript"} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			d := debuggees[name]
			launch := d.launch
			d.launch = func(ctx context.Context, t *testing.T, source string) map[string]any {
				configuration := launch(ctx, t, source)
				configuration["env"] = map[string]string{"WORKERS": "2"}
				return configuration
			}
			needLanguages(t)
			restored := remember(ctx, t, shop, d.service)
			e := openEditor(ctx, t)
			s := d.start(ctx, t, e, "workers")
			s.attach(ctx, t, e)
			s.family.more(ctx, t, 3) // the parent, which answers nothing, is one too
			// They take turns, once they listen: of some calls at once each has its share.
			calls := s.callOnAndOn(ctx)
			workers := map[*servertest.Debugger]int{}
			for len(workers) < 2 {
				stopped, _ := s.stopped(ctx, t, s.line)
				workers[s.Debugger] = stopped.Body.ThreadId
			}
			answers := calls()
			for worker, thread := range workers {
				err := errors.Join(worker.SetBreakpoints(ctx, s.path), worker.Continue(ctx, thread))
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, answered := range answers {
				if err := <-answered; err != nil {
					t.Fatal(err)
				}
			}
			stopSession(ctx, t, e, "workers")
			restored()
		})
	}
}
