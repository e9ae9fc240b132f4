//go:build linux

package debug

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
)

// runInside starts a program in a session, as `tunnel-server exec` does.
func (s *session) runInside(t *testing.T, env []string, args ...string) sandbox.Process {
	t.Helper()
	process, err := s.box.Start(t.Context(), sandbox.Command{Args: args, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// attachTo is what an editor says to attach.
func (e *editor) attachTo(launch, source string, line int) {
	e.t.Helper()
	attached := e.request("attach", json.RawMessage(launch))
	e.event("initialized")
	e.configure(source, line)
	if m := e.answer(attached); !m.success {
		e.t.Fatalf("attach: %s; output: %s", m.raw, e.output.String())
	}
}

// The debugger waits for its program, which comes later, by name; a restart leaves the
// program alone, and the end of the session ends it.
func TestAttachWaitsForItsProgramAndARestartLeavesItAlone(t *testing.T) {
	needDelve(t)
	binary := filepath.Join(t.TempDir(), "attachable")
	build := exec.CommandContext(t.Context(), "go", "build", "-gcflags=all=-N -l", "-o", binary, ".")
	build.Dir = appFolder(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	launch := `{"type":"go","request":"attach","mode":"local","processId":"attachable"}`
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	attached := e.request("attach", json.RawMessage(launch))
	waitFor(t, "the session says that it waits", func() bool { return strings.Contains(s.host.text(), "waiting for the process attachable") })
	program := s.runInside(t, append(s.opts.Env, "APP_WAIT=1"), binary)
	e.event("initialized")
	e.configure("", 0)
	if m := e.answer(attached); !m.success {
		t.Fatalf("attach: %s", m.raw)
	}
	e.call("disconnect", map[string]any{"restart": true})
	e.waitClosed()

	again := dialEditor(t, s.Endpoint())
	again.initialize()
	again.attachTo(launch, "", 0) // it is there still
	again.call("disconnect", map[string]any{})
	s.waitDone(t)
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	if code, err := program.Wait(ctx); err != nil || code == 0 {
		t.Errorf("the program has ended with %d, %v", code, err)
	}
	waitTreeGone(t, t.Name())
}

func TestProcessIsMeantByEitherNumberOrByItsName(t *testing.T) {
	running := []sandbox.Running{{PID: 2, Outside: 4002, Name: "server"}, {PID: 3, Outside: 2, Name: "worker"}, {PID: 4, Outside: 4004, Name: "server"}}
	for wanted, pid := range map[string]int{
		"server": 2, // the oldest
		"worker": 3, "4004": 4,
		"2": 3, // the workstation's number goes first: it is what a picker gives
		"4": 4, "5": 0, "other": 0,
	} {
		if got := processNamed(running, wanted); got != pid {
			t.Errorf("%s is %d, want %d", wanted, got, pid)
		}
	}
}

func waitFor(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(testTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if met() {
			return
		}
	}
	t.Fatalf("not met: %s", what)
}

// Nobody waits for a debug server longer than the editor does.
func TestWaitForADebugServerEndsWithTheEditor(t *testing.T) {
	for name, give := range map[string]func(s *session, e *editor){
		"disconnect": func(_ *session, e *editor) { e.call("disconnect", nil) },
		"gone":       func(_ *session, e *editor) { e.port.close() },
		"stop": func(s *session, _ *editor) {
			ctx, cancel := context.WithTimeout(context.Background(), testTime)
			defer cancel()
			s.Terminate(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, `{"type":"debugpy","request":"attach","connect":{"port":5678}}`, newFakeHost(), marked(t.Name()))
			e := dialEditor(t, s.Endpoint())
			e.request("initialize", map[string]any{"adapterID": "debugpy"})
			waitFor(t, "the session says that it waits", func() bool { return strings.Contains(s.host.text(), "debug server on port 5678") })
			give(s, e)
			if reason, _ := s.waitDone(t); strings.Contains(reason, "no debug server") {
				t.Errorf("it has waited to the end: %s", reason)
			}
		})
	}
}
