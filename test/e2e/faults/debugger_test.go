package faults

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// What happens around a real debugger, Delve.
func debuggerRows() []*row {
	return []*row{
		{name: "paused at a breakpoint", play: pausedAtBreakpoint, calls: 5 * time.Minute, last: 10 * time.Minute},
		{name: "kill -9 of the debug adapter", play: killAdapter, recovers: true},
		{name: "port of a reset call used again", play: portUsedAgain},
	}
}

// source is the app's file that is debugged, and the line of its breakpoint.
func (s *stage) source() (path string, line int) {
	s.t.Helper()
	path = filepath.Join(world.Root, "test", "e2e", "faults", "faultapp", "serve.go")
	content, err := os.ReadFile(path)
	s.must(err)
	for i, text := range strings.Split(string(content), "\n") {
		if strings.Contains(text, "// breakpoint here") {
			return path, i + 1
		}
	}
	s.t.Fatal("no line for a breakpoint")
	return "", 0
}

// debug starts a debug session of the app, and waits until it is live and has calls.
func (s *stage) debug(id string, lines ...int) *servertest.Debugger {
	s.t.Helper()
	path, _ := s.source()
	launch, err := json.Marshal(map[string]any{"type": "go", "request": "launch", "mode": "debug", "program": filepath.Dir(path), "args": []string{"serve"}})
	s.must(err)
	started, err := s.editor.Server.StartSession(s.ctx, &protocol.StartSessionParams{ID: id, Target: s.target(app), Launch: launch})
	s.must(err)
	d, err := servertest.DialDAP(s.ctx, started.DAP)
	s.must(err)
	s.t.Cleanup(func() { _ = d.Close() })
	s.must(d.Launch(s.ctx, json.RawMessage(launch), path, lines...))
	s.waitState(id, protocol.StateLive)
	s.waitServed(app, false)
	s.seen(s.editor)
	return d
}

// held makes a call that stops at the breakpoint.
func (s *stage) held(d *servertest.Debugger) (thread int) {
	s.t.Helper()
	_, err := s.order(s.ctx, http.MethodPost, "hold", url.Values{"url": {"http://" + app + "/held"}})
	s.must(err)
	stopped, err := d.WaitStopped(s.ctx)
	s.must(err)
	return stopped.Body.ThreadId
}

// goOn continues a held call, and looks that it is answered.
func (s *stage) goOn(d *servertest.Debugger, thread int) {
	s.t.Helper()
	s.must(d.Continue(s.ctx, thread))
	answer, err := s.order(s.ctx, http.MethodGet, "hold", nil)
	s.must(err)
	if !strings.Contains(string(answer), `"kt-`) {
		s.t.Errorf("the held call was answered with %s", answer)
	}
}

// pausedAtBreakpoint keeps all calls waiting, like any paused program, and loses none.
func pausedAtBreakpoint(s *stage) {
	_, line := s.source()
	d := s.debug("paused", line)
	s.mark(noExcuse)
	thread := s.held(d)
	s.pause(of(2*time.Second, 2*time.Minute))
	s.goOn(d, thread)
	s.waitServed(app, false)
	s.stopDebugger("paused")
}

// stopDebugger stops a debug session: the debugger kills the program with all that is inside.
func (s *stage) stopDebugger(id string) {
	s.t.Helper()
	s.mark(dying)
	s.stop(id)
}

// portUsedAgain ends a session while a connection waits for an answer. Nodes remember that
// it was reset, and the next one from the same port of the caller is sent where it went: to
// an agent that is gone by then, unless that has stayed for as long.
func portUsedAgain(s *stage) {
	_, line := s.source()
	d := s.debug("reset", line)
	caller := url.Values{"app": {app}, "from": {"20001"}} // not a port that kernels choose
	answer, err := s.order(s.ctx, http.MethodPost, "line", caller)
	if err != nil || !strings.HasPrefix(string(answer), "kt-") {
		s.t.Fatalf("answered by %s, %v", answer, err)
	}
	s.mark(dying)
	s.held(d) // all others wait from now on
	s.stop("reset")
	broken, err := s.order(s.ctx, http.MethodDelete, "line", nil)
	if err != nil || !strings.Contains(string(broken), syscall.ECONNRESET.Error()) {
		s.t.Fatalf("the connection was broken by: %s, %v", broken, err)
	}
	if left := s.waitNothingLeft(); len(left) > 0 {
		s.t.Fatalf("left behind: %s", left)
	}
	answer, err = s.order(s.ctx, http.MethodGet, "line", caller)
	if err != nil || !strings.HasPrefix(string(answer), app+"-") {
		s.t.Errorf("a call from the port of the one that was reset: %s, %v", answer, err)
	}
}

func killAdapter(s *stage) {
	s.debug("adapter")
	s.mark(pinned)
	s.must(cluster.KillBelow(s.editor.PID(), "dlv dap"))
	s.done()
	s.waitState("adapter", protocol.StateEnded, protocol.StateFailed)
	s.waitServed(app, true)
}
