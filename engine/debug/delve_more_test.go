//go:build linux

package debug

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDelveWithoutDebugging(t *testing.T) {
	needDelve(t)
	launch, _ := appLaunch(t, nil)
	noDebug, err := setMember(json.RawMessage(launch), "noDebug", json.RawMessage("true"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t, string(noDebug), newFakeHost("FROM_POD=pod", "APP_WAIT=1"), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.call("launch", noDebug)
	e.says(`FROM_POD="pod"`)
	e.says("waiting")
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}

func TestDelveExitCodeAndLastOutput(t *testing.T) {
	needDelve(t)
	launch, source := appLaunch(t, nil)
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, source, 0)
	e.event("terminated")
	if !strings.Contains(e.output.String(), "answer 42") {
		t.Errorf("the last output is missing: %s", e.output.String())
	}
	e.call("disconnect", map[string]any{})
	if reason, code := s.waitDone(t); code == nil || *code != 3 {
		t.Errorf("result %q, %v", reason, code)
	}
	waitTreeGone(t, t.Name())
}

func TestDelveBuildError(t *testing.T) {
	needDelve(t)
	folder := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module m\n", "main.go": "package main\nfunc main() { undefined() }\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	launch := `{"type":"go","request":"launch","program":"` + folder + `"}`
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	if m := e.answer(e.request("launch", json.RawMessage(launch))); m.success || !strings.Contains(string(m.raw), "Build error") {
		t.Errorf("launch: %s", m.raw)
	}
	e.says("undefined: undefined")
	e.call("disconnect", map[string]any{})
	if reason, _ := s.waitDone(t); !strings.Contains(reason, "could not be launched") {
		t.Errorf("reason %q", reason)
	}
	waitTreeGone(t, t.Name())
}

func TestDelveTestsWithTheUsersBuildFlags(t *testing.T) {
	needDelve(t)
	folder := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module m\n",
		"x_test.go": "//go:build special\n\npackage m\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestX(t *testing.T) {\n\tt.Log(\"pod is \" + os.Getenv(\"FROM_POD\"))\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// GOFLAGS of the user counts for the build, that of the pod does not.
	launch := `{"type":"go","request":"launch","program":"` + folder + `","args":["-test.v"],"env":{"GOFLAGS":"-tags=special"}}`
	s := newSession(t, launch, newFakeHost("FROM_POD=here", "GOFLAGS=-tags=hostile -mod=vendor"), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, "", 0)
	e.says("pod is here")
	e.event("terminated")
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}
