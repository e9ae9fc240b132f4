//go:build linux

package debug

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

const nodeLine = 7

// testJSDebug is js-debug's debug server: make test-go names it.
func testJSDebug(t *testing.T) string {
	t.Helper()
	path := os.Getenv("KUBETUNNEL_JS_DEBUG")
	if path == "" {
		t.Fatal("KUBETUNNEL_JS_DEBUG names no debug server of js-debug: scripts/jsdebug.sh fetches it")
	}
	return path
}

func jsLaunch(t *testing.T, env map[string]any) (launch, source string) {
	t.Helper()
	source, err := filepath.Abs("testdata/node/app.js")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"type": "js-debug", "request": "launch", "jsDebugPath": testJSDebug(t), "program": source, "env": env})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), source
}

// jsChild is the session of one process of the program, for which js-debug asks.
func jsChild(t *testing.T, e *editor, source string, line int) *editor {
	t.Helper()
	request := e.wait("startDebugging", func(m *message) bool { return m.kind == "request" && m.command == "startDebugging" })
	var asked struct {
		Request       string `json:"request"`
		Configuration struct {
			Connect struct {
				Host string `json:"host"`
				Port int    `json:"port"`
			} `json:"connect"`
		} `json:"configuration"`
	}
	request.arguments(&asked)
	if asked.Configuration.Connect.Port == 0 {
		t.Fatalf("asked for %s", request.raw)
	}
	response := newResponse(request)
	e.port.send(&response)
	at := net.JoinHostPort(asked.Configuration.Connect.Host, strconv.Itoa(asked.Configuration.Connect.Port))
	child := dialEditor(t, &protocol.Endpoint{Network: "tcp", Address: at})
	child.call("initialize", map[string]any{"clientID": "test", "adapterID": "pwa-node", "supportsStartDebuggingRequest": true, "pathFormat": "path", "linesStartAt1": true, "columnsStartAt1": true})
	begun := child.request(asked.Request, raw(t, request, "configuration"))
	child.event("initialized")
	child.configure(source, line)
	if m := child.answer(begun); !m.success {
		t.Fatalf("%s: %s", asked.Request, m.raw)
	}
	return child
}

func jsSession(t *testing.T, env map[string]any, pod ...string) (s *session, e *editor, source string) {
	t.Helper()
	launch, source := jsLaunch(t, env)
	s = newSession(t, launch, newFakeHost(pod...), marked(t.Name()))
	e = dialEditor(t, s.Endpoint())
	e.call("initialize", map[string]any{"clientID": "test", "adapterID": "js-debug", "supportsStartDebuggingRequest": true, "pathFormat": "path", "linesStartAt1": true, "columnsStartAt1": true})
	e.launchTo(launch, "", 0)
	return s, e, source
}

func TestJSDebugBreakpointWithThePodsEnvironment(t *testing.T) {
	s, e, source := jsSession(t, map[string]any{"FROM_USER": "user", "BOTH": "user", "GONE": nil}, hostilePod()...)
	child := jsChild(t, e, source, nodeLine)
	thread := child.stopped()
	if got := child.evaluate(thread, "value + 1"); got != "43" {
		t.Errorf("value + 1 = %s", got)
	}
	child.call("continue", map[string]any{"threadId": thread})
	e.event("terminated")
	child.event("terminated")
	child.call("disconnect", map[string]any{})
	child.told("env FROM_POD=pod value", "env FROM_USER=user", "env BOTH=user", "env GONE=undefined", "answer 42")
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}

func TestJSDebugChildIsDebuggedBySessionOfItsOwn(t *testing.T) {
	s, e, source := jsSession(t, map[string]any{"APP_CHILD": "1"})
	first := jsChild(t, e, source, nodeLine)
	second := jsChild(t, first, source, nodeLine)
	thread := second.stopped()
	if got := second.evaluate(thread, "value"); got != "42" {
		t.Errorf("value = %s", got)
	}
	second.call("continue", map[string]any{"threadId": thread})
	first.says("the child has ended with 3")
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}
