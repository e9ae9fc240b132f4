//go:build linux

package debug

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needDelve fails without dlv: a test that is skipped proves nothing.
func needDelve(t *testing.T) {
	t.Helper()
	if findGoTool("dlv", os.Environ()) == "" {
		t.Fatal("the Go debugger is missing: " + delveInstall)
	}
}

func appFolder(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("testdata/app")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

const breakLine = 19

func appLaunch(t *testing.T, env map[string]any) (launch, source string) {
	t.Helper()
	folder := appFolder(t)
	raw, err := json.Marshal(map[string]any{"type": "go", "request": "launch", "mode": "auto", "name": "app", "program": folder, "env": env})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), filepath.Join(folder, "main.go")
}

// hostilePod would break every build that sees it.
func hostilePod() []string {
	return []string{
		"FROM_POD=pod value", "BOTH=pod", "GONE=pod", "PATH=/nowhere", "HOME=/nonexistent", "GOFLAGS=-mod=vendor -tags=hostile",
		"GOPATH=/nonexistent/go", "GOROOT=/nonexistent", "GOTOOLCHAIN=go1.99.0", "GOOS=plan9", "GOCACHE=/proc/nothing", "CGO_ENABLED=x",
		"LD_PRELOAD=/nonexistent.so", "TMPDIR=/nonexistent", "MULTI=one\ntwo", "EMPTY=",
	}
}

// treeOf lists the processes below a process: everything that was started in a session.
func treeOf(t *testing.T, dir string) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(data, []byte("KUBETUNNEL_TEST_SESSION="+dir)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// marked puts a mark into the environment of everything the session starts.
func marked(mark string) func(*Options) {
	return func(o *Options) { o.Env = append(os.Environ(), "KUBETUNNEL_TEST_SESSION="+mark) }
}

func waitTreeGone(t *testing.T, mark string) {
	t.Helper()
	for end := time.Now().Add(testTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if len(treeOf(t, mark)) == 0 {
			return
		}
	}
	t.Fatalf("processes of the session are left: %v", treeOf(t, mark))
}

func TestDelveBreakpointWithThePodsEnvironment(t *testing.T) {
	needDelve(t)
	launch, source := appLaunch(t, map[string]any{"FROM_USER": "user", "BOTH": "user", "GONE": nil})
	s := newSession(t, launch, newFakeHost(hostilePod()...), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, source, breakLine)
	thread := e.stopped()
	if got := e.evaluate(thread, "answer"); got != "42" {
		t.Errorf("answer = %s", got)
	}
	e.call("continue", map[string]any{"threadId": thread})
	e.event("terminated")
	e.told(
		`env FROM_POD="pod value" set=true`, `env FROM_USER="user" set=true`, `env BOTH="user" set=true`, `env GONE="" set=false`,
		`env GOFLAGS="-mod=vendor -tags=hostile" set=true`, `env GOPATH="/nonexistent/go" set=true`,
		`env HOME=`+strconv.Quote(os.Getenv("HOME")), "answer 42",
	)
	e.call("disconnect", map[string]any{})
	reason, code := s.waitDone(t)
	if code == nil || *code != 3 {
		t.Errorf("exit code %v (%s)", code, reason)
	}
	waitTreeGone(t, t.Name())
	if s.host.ended() == 0 {
		t.Error("BeforeEnd was not called")
	}
	if left, _ := filepath.Glob(filepath.Join(appFolder(t), "__debug*")); len(left) > 0 {
		t.Errorf("left in the sources: %v", left)
	}
}

func TestDelveEditorGone(t *testing.T) {
	needDelve(t)
	launch, source := appLaunch(t, map[string]any{"APP_CHILD": "1", "APP_WAIT": "1"})
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, source, 0)
	e.says("waiting")
	if n := len(treeOf(t, t.Name())); n < 3 {
		t.Errorf("%d processes, want dlv, the program and its child", n)
	}
	e.port.close()
	s.waitDone(t)
	waitTreeGone(t, t.Name())
	if s.host.ended() == 0 {
		t.Error("BeforeEnd was not called")
	}
}

func TestDelveAdapterKilled(t *testing.T) {
	needDelve(t)
	launch, source := appLaunch(t, map[string]any{"APP_WAIT": "1"})
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, source, breakLine)
	e.stopped()
	for _, pid := range treeOf(t, t.Name()) {
		if name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); strings.TrimSpace(string(name)) == "dlv" {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.event("terminated")
	e.says("KT1705")
	e.call("disconnect", map[string]any{})
	reason, _ := s.waitDone(t)
	if !strings.Contains(reason, "KT1705") {
		t.Errorf("reason %q", reason)
	}
	waitTreeGone(t, t.Name())
}

func TestDelveRestarts(t *testing.T) {
	needDelve(t)
	launch, source := appLaunch(t, map[string]any{"APP_WAIT": "1"})
	for _, test := range []struct {
		name    string
		restart func(s *session, e *editor) *editor
	}{
		{"by the editor's restart request", func(s *session, e *editor) *editor {
			e.call("restart", map[string]any{"arguments": json.RawMessage(launch)})
			return e
		}},
		{"by the session", func(s *session, e *editor) *editor {
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			return e
		}},
		{"by a new connection of the editor", func(s *session, e *editor) *editor {
			e.call("disconnect", map[string]any{"restart": true})
			e.port.close()
			again := dialEditor(t, s.Endpoint())
			again.initialize()
			again.request("launch", json.RawMessage(launch))
			return again
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSession(t, launch, newFakeHost("FROM_POD=pod"), marked(t.Name()))
			e := dialEditor(t, s.Endpoint())
			e.t = t
			e.initialize()
			e.launchTo(launch, source, 0)
			e.says("waiting")
			e.output.Reset()
			e = test.restart(s, e)
			e.event("initialized")
			e.configure(source, breakLine)
			if got := e.evaluate(e.stopped(), "answer"); got != "42" {
				t.Errorf("answer = %s", got)
			}
			e.call("continue", map[string]any{"threadId": 1})
			e.says("waiting")
			e.says(`FROM_POD="pod"`)
			s.Terminate(t.Context())
			e.event("terminated")
			e.waitClosed()
			s.waitDone(t)
			waitTreeGone(t, t.Name())
		})
	}
}

func TestDelveListenerIsTheSessions(t *testing.T) {
	needDelve(t)
	address := freeTestAddress(t)
	port := netip.MustParseAddrPort(address).Port()
	launch, source := appLaunch(t, nil)
	s := newSession(t, launch, newFakeHost("APP_LISTEN="+address), marked(t.Name()))
	states := s.box.WatchListen(t.Context(), int(port))
	if l := <-states; l.PID != 0 {
		t.Fatalf("somebody listens already: %+v", l)
	}
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, source, 0)
	if l := <-states; l.PID == 0 {
		t.Fatalf("the debuggee's listener is not seen: %+v", l)
	}
	conn, err := s.box.Dial(t.Context(), netip.AddrPort{}, int(port))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(conn); string(data) != "hello" {
		t.Errorf("the debuggee says %q, %v", data, err)
	}
	_ = conn.Close()
	e.call("disconnect", map[string]any{"terminateDebuggee": true})
	if l := <-states; l.PID != 0 {
		t.Errorf("after the end: %+v", l)
	}
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}

func freeTestAddress(t *testing.T) string {
	t.Helper()
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address.String()
}

// stopped waits for the breakpoint and gives the thread.
func (e *editor) stopped() int {
	e.t.Helper()
	var body struct {
		ThreadID int    `json:"threadId"`
		Reason   string `json:"reason"`
	}
	// A debugger that halts the program for its own ends tells that as a stop as well.
	e.wait("a stop at a breakpoint", func(m *message) bool {
		m.body(&body)
		return m.event == "stopped" && body.Reason == "breakpoint"
	})
	return body.ThreadID
}

// evaluate evaluates an expression in the topmost frame.
func (e *editor) evaluate(thread int, expression string) string {
	e.t.Helper()
	var stack struct {
		StackFrames []struct {
			ID int `json:"id"`
		} `json:"stackFrames"`
	}
	e.call("stackTrace", map[string]any{"threadId": thread}).body(&stack)
	if len(stack.StackFrames) == 0 {
		e.t.Fatal("no stack")
	}
	var result struct {
		Result string `json:"result"`
	}
	e.call("evaluate", map[string]any{"expression": expression, "frameId": stack.StackFrames[0].ID, "context": "watch"}).body(&result)
	return result.Result
}
