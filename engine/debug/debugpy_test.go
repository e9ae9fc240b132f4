//go:build linux

package debug

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

const pythonLine = 9

// testPython is an interpreter with debugpy: make test-go names it.
func testPython(t *testing.T) string {
	t.Helper()
	path := os.Getenv("KUBETUNNEL_PYTHON")
	if path == "" {
		path = "python3"
	}
	c := &config{values: map[string]json.RawMessage{}}
	c.set("python", path)
	if _, missing := findDebugpy(c, os.Environ()); missing != nil {
		t.Fatal("KUBETUNNEL_PYTHON names no interpreter with debugpy: ", missing)
	}
	return path
}

func pythonLaunch(t *testing.T, env map[string]any) (launch, source string) {
	t.Helper()
	return launchOf(t, "python/app.py", map[string]any{"type": "debugpy", "python": testPython(t), "env": env})
}

func TestDebugpyBreakpointWithThePodsEnvironment(t *testing.T) {
	launch, source := pythonLaunch(t, map[string]any{"FROM_USER": "user", "BOTH": "user", "GONE": nil})
	s := newSession(t, launch, newFakeHost(hostilePod()...), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, source, pythonLine)
	thread := e.stopped()
	if got := e.evaluate(thread, "answer + 1"); got != "43" {
		t.Errorf("answer + 1 = %s", got)
	}
	e.call("continue", map[string]any{"threadId": thread})
	e.event("terminated")
	e.told(
		"env FROM_POD='pod value'", "env FROM_USER='user'", "env BOTH='user'", "env GONE=None", "env HOME='"+os.Getenv("HOME")+"'", "answer 42",
	)
	e.call("disconnect", map[string]any{})
	if reason, code := s.waitDone(t); code == nil || *code != 3 {
		t.Errorf("exit code %v (%s)", code, reason)
	}
	waitTreeGone(t, t.Name())
}

// A child process is debugged by a second session of the editor, which debugpy asks
// for with its own port.
func TestDebugpyChildIsDebuggedBySessionOfItsOwn(t *testing.T) {
	launch, source := pythonLaunch(t, map[string]any{"APP_CHILD": "1"})
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initializeFor("debugpy")
	e.launchTo(launch, source, 0)
	asked := e.askedForChild()
	child := e.dialChild(asked)
	child.direct = true
	child.begin(asked, "attach", "debugpy", source, pythonLine)
	thread := child.stopped()
	if got := child.evaluate(thread, "answer"); got != "42" {
		t.Errorf("answer = %s", got)
	}
	child.call("continue", map[string]any{"threadId": thread})
	e.says("the child has ended with 3")
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}

// An editor that knows nothing but an adapter's command line starts that again for a child.
func TestStandaloneJoinsTheDebuggerOfAChild(t *testing.T) {
	launch, source := pythonLaunch(t, map[string]any{"APP_CHILD": "1"})
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initializeFor("debugpy")
	e.launchTo(launch, source, 0)
	request := e.askedForChild()

	// debugpy's own adapter answers it before it knows of which child it is to be.
	t.Setenv("PATH", filepath.Dir(testPython(t))+string(filepath.ListSeparator)+os.Getenv("PATH"))
	child, result := pipes(t, StandaloneOptions{Adapter: "debugpy", Target: &protocol.Target{Service: "cart"}})
	child.begin(request, "attach", "debugpy", source, pythonLine)
	thread := child.stopped()
	if got := child.evaluate(thread, "answer"); got != "42" {
		t.Errorf("answer = %s", got)
	}
	child.call("continue", map[string]any{"threadId": thread})
	e.says("the child has ended with 3")
	child.call("disconnect", map[string]any{})
	child.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}

func TestDebugpyChildsPortIsTheExposedOne(t *testing.T) {
	expose := func(port int) (int, error) { return port + 1000, nil }
	for name, c := range map[string]struct{ in, want string }{
		"request":       {`{"seq":5,"type":"request","command":"startDebugging","arguments":{"request":"attach","configuration":{"name":"x","connect":{"host":"127.0.0.1","port":40}}}}`, `"connect":{"host":"127.0.0.1","port":1040}`},
		"event":         {`{"seq":5,"type":"event","event":"debugpyAttach","body":{"connect":{"host":"::1","port":41},"a":1}}`, `"connect":{"host":"127.0.0.1","port":1041}`},
		"no connect":    {`{"seq":5,"type":"event","event":"debugpyAttach","body":{"a":1}}`, `"body":{"a":1}`},
		"another event": {`{"seq":5,"type":"event","event":"output","body":{"connect":{"port":41}}}`, `"connect":{"port":41}`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := parseMessage([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			changed, err := exposeDebugpyChild(m, 0, expose)
			if err != nil || !strings.Contains(string(changed.raw), c.want) {
				t.Errorf("%v: %s", err, changed.raw)
			}
		})
	}
}

func TestMistakesInAPythonConfigurationAreToldByTheirField(t *testing.T) {
	folder := t.TempDir()
	for launch, field := range map[string]string{
		`{"type":"python"}`: "launch.program",
		`{"type":"debugpy","program":"a.py","module":"flask"}`:              "launch.program",
		`{"type":"debugpy","request":"attach","processId":true}`:            "launch.processId",
		`{"type":"debugpy","program":"a.py","pathMappings":7}`:              "launch.pathMappings",
		`{"type":"debugpy","program":"a.py","args":{}}`:                     "launch.args",
		`{"type":"debugpy","program":"a.py","args":"'x"}`:                   "launch.args",
		`{"type":"debugpy","request":"attach","connect":{"port":"x"}}`:      "launch.connect",
		`{"type":"debugpy","program":"a.py","console":"x"}`:                 "launch.console",
		`{"type":"debugpy","program":"a.py","sudo":true}`:                   "launch.sudo",
		`{"type":"debugpy","program":"a.py","python":"/none/python"}`:       "launch.python",
		`{"type":"debugpy","program":"a.py","env":{"A":[1]}}`:               "launch.env",
		`{"type":"debugpy","program":"${command:pickScript}"}`:              "launch.program",
		`{"type":"debugpy","program":"a.py","envFile":"/none/dev.env"}`:     "launch.envFile",
		`{"type":"debugpy","program":"a.py","python":"python3","cwd":true}`: "launch.cwd",
	} {
		result, err := Resolve(protocol.Target{Service: "cart"}, json.RawMessage(launch), ResolveOptions{Folder: folder})
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Diagnostics) == 0 || result.Diagnostics[0].Field != field {
			t.Errorf("%s: %+v", launch, result.Diagnostics)
		}
	}
}

func TestPythonIsFoundInTheWorkspacesVirtualEnvironment(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, ".venv", "bin", "python")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	c := &config{folder: folder, values: map[string]json.RawMessage{}}
	if got := python(c, os.Environ()); len(got) != 1 || got[0] != path {
		t.Errorf("found %v", got)
	}
	t.Setenv("HOME", folder)
	if _, missing := findDebugpy(c, os.Environ()); missing == nil || missing.Code != protocol.CodeAdapterMissing || !strings.Contains(missing.Data.Fix.Command, path+" -m pip install debugpy") {
		t.Errorf("an interpreter without debugpy: %v", missing)
	}
	// A system's own interpreter says that its packages are the system's affair.
	system := filepath.Join(folder, "python3")
	if err := os.WriteFile(system, []byte("#!/bin/sh\ncase \"$*\" in *EXTERNALLY-MANAGED*) exit 0;; esac\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if fix := debugpyInstall([]string{system}); fix.Command != system+" -m venv .venv && .venv/bin/python -m pip install debugpy" {
		t.Errorf("for a system's interpreter: %+v", fix)
	}
	bundled := filepath.Join(folder, ".vscode", "extensions", "ms-python.debugpy-2025.1", "bundled", "libs", "debugpy", "adapter")
	if err := os.MkdirAll(bundled, 0o700); err != nil {
		t.Fatal(err)
	}
	if args, missing := findDebugpy(c, os.Environ()); missing != nil || args[len(args)-1] != bundled {
		t.Errorf("with an editor's own debugpy: %v, %v", args, missing)
	}
}
