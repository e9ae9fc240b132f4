//go:build linux

package debug

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

const nativeLine = 12

func nativeLaunch(t *testing.T, env map[string]any) (launch, source string) {
	t.Helper()
	if _, missing := findLLDB(&config{values: map[string]json.RawMessage{}}, os.Environ()); missing != nil {
		t.Fatal(missing)
	}
	source, err := filepath.Abs("testdata/native/app.cc")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "app")
	if out, err := exec.CommandContext(t.Context(), "g++", "-g", "-O0", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := json.Marshal(map[string]any{"type": "lldb-dap", "request": "launch", "program": binary, "env": env})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), source
}

func TestLLDBBreakpointWithThePodsEnvironment(t *testing.T) {
	launch, source := nativeLaunch(t, map[string]any{"FROM_USER": "user", "BOTH": "user", "GONE": nil})
	s := newSession(t, launch, newFakeHost("FROM_POD=pod value", "BOTH=pod", "GONE=pod", "PATH=/nowhere", "LD_PRELOAD=/nonexistent.so"), func(o *Options) {
		marked(t.Name())(o)
		o.Env = append(o.Env, "GONE=workstation")
	})
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, source, nativeLine)
	thread := e.stopped()
	if got := e.evaluate(thread, "answer"); got != "42" {
		t.Errorf("answer = %s", got)
	}
	e.call("continue", map[string]any{"threadId": thread})
	e.event("terminated")
	e.told("env FROM_POD=pod value", "env FROM_USER=user", "env BOTH=user", "env GONE=(unset)", "answer 42")
	e.call("disconnect", map[string]any{})
	if reason, code := s.waitDone(t); code == nil || *code != 3 {
		t.Errorf("exit code %v (%s)", code, reason)
	}
	waitTreeGone(t, t.Name())
}

func TestLLDBIsFoundByItsHighestVersionUnlessOneIsPlain(t *testing.T) {
	folder := t.TempDir()
	env := []string{"PATH=" + folder}
	put := func(name string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	c := &config{values: map[string]json.RawMessage{}}
	if _, missing := findLLDB(c, env); missing == nil || missing.Code != protocol.CodeAdapterMissing {
		t.Errorf("in an empty folder: %v", missing)
	}
	for _, step := range []struct{ name, want string }{
		{"lldb-vscode-14", "lldb-vscode-14"}, {"lldb-server-21", "lldb-vscode-14"}, {"lldb-dap-19", "lldb-dap-19"}, {"lldb-dap-9", "lldb-dap-19"}, {"lldb-dap", "lldb-dap"},
	} {
		put(step.name)
		if args, missing := findLLDB(c, env); missing != nil || filepath.Base(args[0]) != step.want {
			t.Errorf("with %s: %v, %v", step.name, args, missing)
		}
	}
	before := notInPath
	defer func() { notInPath = before }()
	notInPath = []string{"/none", folder}
	if args, missing := findLLDB(c, []string{"PATH=" + t.TempDir()}); missing != nil || args[0] != filepath.Join(folder, "lldb-dap") {
		t.Errorf("beside PATH: %v, %v", args, missing)
	}
}

func TestMistakesInAnLLDBConfigurationAreToldByTheirField(t *testing.T) {
	for launch, field := range map[string]string{
		`{"type":"lldb-dap"}`:                                              "launch.program",
		`{"type":"lldb-dap","program":"/none/app"}`:                        "launch.program",
		`{"type":"lldb-dap","request":"attach","pid":-1}`:                  "launch.pid",
		`{"type":"lldb-dap","request":"attach"}`:                           "launch.pid",
		`{"type":"lldb-dap","program":"/bin/sh","launchCommands":["run"]}`: "launch.launchCommands",
		`{"type":"lldb-dap","program":"/bin/sh","args":"x"}`:               "launch.args",
		`{"type":"lldb-dap","program":"/bin/sh","stopOnEntry":1}`:          "launch.stopOnEntry",
		`{"type":"lldb-dap","program":"/bin/sh","initCommands":"x"}`:       "launch.initCommands",
	} {
		result, err := Resolve(protocol.Target{Service: "cart"}, json.RawMessage(launch), ResolveOptions{Folder: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Diagnostics) == 0 || result.Diagnostics[0].Field != field {
			t.Errorf("%s: %+v", launch, result.Diagnostics)
		}
	}
}

// An editor sends what was written for another debugger: it is translated at the launch too.
func TestLLDBTranslatesWhatTheEditorSendsAtTheLaunch(t *testing.T) {
	plain, source := nativeLaunch(t, nil)
	var named struct{ Program string }
	if err := json.Unmarshal([]byte(plain), &named); err != nil {
		t.Fatal(err)
	}
	launch, err := json.Marshal(map[string]any{
		"type": "cppdbg", "request": "launch", "program": named.Program, "MIMode": "gdb", "externalConsole": false,
		"environment": []any{map[string]string{"name": "FROM_USER", "value": "listed"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t, string(launch), newFakeHost("FROM_POD=pod"), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(string(launch), source, nativeLine)
	e.call("continue", map[string]any{"threadId": e.stopped()})
	e.event("terminated")
	e.told("env FROM_POD=pod", "env FROM_USER=listed")
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}
