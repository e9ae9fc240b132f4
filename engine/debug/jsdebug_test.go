//go:build linux

package debug

import (
	"os"
	"testing"
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

// jsChild is the session of one process of the program, for which js-debug asks.
func jsChild(e *editor, source string) *editor {
	e.t.Helper()
	asked := e.askedForChild()
	child := e.dialChild(asked)
	child.begin(asked, "launch", "pwa-node", source, nodeLine)
	return child
}

func jsSession(t *testing.T, env map[string]any, pod ...string) (s *session, e *editor, source string) {
	t.Helper()
	launch, source := launchOf(t, "node/app.js", map[string]any{"type": "js-debug", "jsDebugPath": testJSDebug(t), "env": env})
	s = newSession(t, launch, newFakeHost(pod...), marked(t.Name()))
	e = dialEditor(t, s.Endpoint())
	e.initializeFor("js-debug")
	e.launchTo(launch, "", 0)
	return s, e, source
}

func TestJSDebugBreakpointWithThePodsEnvironment(t *testing.T) {
	s, e, source := jsSession(t, map[string]any{"FROM_USER": "user", "BOTH": "user", "GONE": nil}, hostilePod()...)
	child := jsChild(e, source)
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
	first := jsChild(e, source)
	second := jsChild(first, source)
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
