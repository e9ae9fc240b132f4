//go:build linux

package debug

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// pipes connects an editor to a Standalone in this process.
func pipes(t *testing.T, opts StandaloneOptions) (*editor, <-chan error) {
	t.Helper()
	theirIn, ourOut := io.Pipe()
	ourIn, theirOut := io.Pipe()
	opts.In, opts.Out = theirIn, theirOut
	result := make(chan error, 1)
	go func() { result <- Standalone(t.Context(), opts) }()
	e := &editor{t: t, port: newPort(&duplex{Reader: ourIn, Writer: ourOut, closers: []io.Closer{ourOut, ourIn}})}
	t.Cleanup(e.port.close)
	return e, result
}

func TestStandaloneDebugsGo(t *testing.T) {
	needDelve(t)
	launch, source := appLaunch(t, nil)
	var s *session
	e, result := pipes(t, StandaloneOptions{Adapter: "go", Start: func(_ context.Context, target protocol.Target, launch json.RawMessage, say func(string)) (*protocol.Endpoint, error) {
		if target.Service != "cart" || target.Namespace != "shop" {
			t.Errorf("target %+v", target)
		}
		say("starting\n")
		s = newSession(t, string(launch), newFakeHost("FROM_POD=pod"), marked(t.Name()))
		return s.Endpoint(), nil
	}})
	if body := string(e.initialize().get("body")); !strings.Contains(body, `"supportsStepBack"`) && !strings.Contains(body, `"supportsRestartRequest":true`) {
		t.Errorf("not Delve's capabilities: %s", body)
	}
	withTarget, err := setMember(json.RawMessage(launch), "kubetunnel", json.RawMessage(`{"service":"cart","namespace":"shop"}`))
	if err != nil {
		t.Fatal(err)
	}
	withTarget, err = setMember(withTarget, "type", json.RawMessage(`"whatever the editor calls it"`))
	if err != nil {
		t.Fatal(err)
	}
	e.launchTo(string(withTarget), source, breakLine)
	if got := e.evaluate(e.stopped(), "answer"); got != "42" {
		t.Errorf("answer = %s", got)
	}
	e.call("continue", map[string]any{"threadId": 1})
	e.event("terminated")
	e.says("starting")
	e.says(`FROM_POD="pod"`)
	e.call("disconnect", map[string]any{"restart": true}) // nobody comes back to standard input
	e.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
	if reason, _ := s.waitDone(t); strings.Contains(reason, "come back") {
		t.Errorf("reason %q", reason)
	}
	waitTreeGone(t, t.Name())
}

func TestStandaloneTellsWhatIsWrong(t *testing.T) {
	needDelve(t)
	failure := protocol.Errorf(protocol.CodeServiceNotFound, "Service shop/cart does not exist")
	e, result := pipes(t, StandaloneOptions{Start: func(context.Context, protocol.Target, json.RawMessage, func(string)) (*protocol.Endpoint, error) {
		return nil, failure
	}})
	if m := e.answer(e.request("initialize", map[string]any{"adapterID": "cobol"})); !strings.Contains(string(m.raw), "KT1701") {
		t.Errorf("unknown adapter: %s", m.raw)
	}
	if m := e.answer(e.request("launch", map[string]any{})); m.success {
		t.Errorf("launch before initialize: %s", m.raw)
	}
	if m := e.answer(e.request("initialize", map[string]any{"adapterID": "command"})); !strings.Contains(string(m.raw), "tunnel-server dap --stdio -- COMMAND") {
		t.Errorf("a command that nobody names: %s", m.raw)
	}
	e.initialize()
	for arguments, want := range map[string]string{
		`{"program":"/"}`:                                   `\"kubetunnel\": is missing`,
		`{"program":"/","kubetunnel":7}`:                    "KT1704",
		`{"program":"/","kubetunnel":{"namespace":"shop"}}`: "kubetunnel.service",
		`{"program":"/","kubetunnel":{"service":"cart"}}`:   "KT1201",
	} {
		if m := e.answer(e.request("launch", json.RawMessage(arguments))); !strings.Contains(string(m.raw), want) {
			t.Errorf("launch %s: %s", arguments, m.raw)
		}
	}
	e.call("disconnect", nil)
	e.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestStandaloneEditorGivesUpWhileTheSessionStarts(t *testing.T) {
	needDelve(t)
	for name, give := range map[string]func(e *editor){
		"disconnect": func(e *editor) { e.call("disconnect", nil) },
		"gone":       func(e *editor) { e.port.close() },
	} {
		t.Run(name, func(t *testing.T) {
			starting := make(chan struct{})
			e, result := pipes(t, StandaloneOptions{Adapter: "go", Start: func(ctx context.Context, _ protocol.Target, _ json.RawMessage, _ func(string)) (*protocol.Endpoint, error) {
				close(starting)
				<-ctx.Done()
				return nil, ctx.Err()
			}})
			e.initialize()
			e.request("launch", json.RawMessage(`{"program":"/","kubetunnel":{"service":"cart"}}`))
			<-starting
			give(e)
			if err := <-result; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStandaloneAnswersBeforeLaunchAsTheAdapterDoes(t *testing.T) {
	needDelve(t)
	e, result := pipes(t, StandaloneOptions{Adapter: "go", Target: &protocol.Target{Service: "cart"}, Start: func(_ context.Context, target protocol.Target, launch json.RawMessage, _ func(string)) (*protocol.Endpoint, error) {
		if target.Service != "cart" {
			t.Errorf("target %+v", target)
		}
		return newSession(t, string(launch), newFakeHost(), marked(t.Name())).Endpoint(), nil
	}})
	e.initialize()
	for command, want := range map[string]string{
		"nonsense":   "'nonsense' is not supported", // what the adapter does not know
		"stackTrace": "No debug session started",    // what it can't do yet
	} {
		m := e.answer(e.request(command, map[string]any{"threadId": 1}))
		if m.success || !strings.Contains(string(m.raw), want) {
			t.Errorf("%s: %s", command, m.raw)
		}
	}
	launch, source := appLaunch(t, nil)
	e.launchTo(launch, source, breakLine)
	if got := e.evaluate(e.stopped(), "answer"); got != "42" {
		t.Errorf("answer = %s", got)
	}
	e.call("disconnect", nil)
	e.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
	waitTreeGone(t, t.Name())
}

func TestStandaloneTakesAnAdapterOfTheCommandLine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var started json.RawMessage
	e, result := pipes(t, StandaloneOptions{
		Command: []string{"/usr/bin/env", helperVariable + "=plain", self}, Target: &protocol.Target{Service: "cart"},
		Start: func(_ context.Context, _ protocol.Target, launch json.RawMessage, _ func(string)) (*protocol.Endpoint, error) {
			started = launch
			return newSession(t, string(launch), newFakeHost("FROM_POD=pod"), nil).Endpoint(), nil
		},
	})
	e.initialize()
	e.call("launch", map[string]any{"program": "/app"})
	if !strings.Contains(string(started), `"adapter":[`) || !strings.Contains(string(started), `"type":"command"`) {
		t.Errorf("started with %s", started)
	}
	e.call("disconnect", nil)
	e.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// An editor may kill its adapter as soon as it knows that all is over, and with it what
// would have put the Service back.
func TestStandaloneEndsTheSessionBeforeTheEditorIsTold(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ request, told string }{
		"the program ends":    {"exit", "terminated"},
		"and no more is said": {"leave", "exited"},
		"the adapter dies":    {"crash", "terminated"},
		"the editor's stop":   {"disconnect", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var over atomic.Bool
			e, result := pipes(t, StandaloneOptions{
				Command: []string{"/usr/bin/env", helperVariable + "=plain", self}, Target: &protocol.Target{Service: "cart"},
				Start: func(_ context.Context, _ protocol.Target, launch json.RawMessage, _ func(string)) (*protocol.Endpoint, error) {
					return newSession(t, string(launch), newFakeHost(), nil).Endpoint(), nil
				},
				End: func(ctx context.Context) {
					if err := exec.CommandContext(ctx, "true").Run(); err != nil { // it takes its time
						t.Error(err)
					}
					over.Store(true)
				},
			})
			e.initialize()
			e.call("launch", map[string]any{"program": "/app"})
			asked := e.request(c.request, nil)
			if c.told != "" {
				e.event(c.told)
			} else {
				e.answer(asked)
			}
			if !over.Load() {
				t.Error("the editor was told before the session had ended")
			}
			if c.told != "" {
				e.call("disconnect", nil)
			}
			e.waitClosed()
			if err := <-result; err != nil {
				t.Error(err)
			}
		})
	}
}

// Where the adapter is, a launch may name: an editor asks what it can do before that.
func TestStandaloneTakesAnAdapterFromWhereTheLaunchSays(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "theirs")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec /usr/bin/env "+helperVariable+"=plain "+self+"\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", folder) // there is no lldb-dap
	e, result := pipes(t, StandaloneOptions{
		Adapter: "lldb-dap", Target: &protocol.Target{Service: "cart"},
		Start: func(_ context.Context, _ protocol.Target, launch json.RawMessage, _ func(string)) (*protocol.Endpoint, error) {
			if err := CheckLaunch(launch, folder); err != nil {
				return nil, err
			}
			return newSession(t, string(launch), newFakeHost(), nil).Endpoint(), nil
		},
	})
	if m := e.initialize(); strings.Contains(string(m.raw), "supportsFuture") {
		t.Errorf("it can do what it is not known to: %s", m.raw)
	}
	if m := e.answer(e.request("threads", nil)); m.success {
		t.Errorf("threads before launch: %s", m.raw)
	}
	launch := map[string]any{"program": self, "lldbDapPath": path}
	e.call("launch", launch)
	if told := e.event("capabilities"); !strings.Contains(string(told.raw), `"supportsFuture"`) {
		t.Errorf("told: %s", told.raw)
	}
	e.call("disconnect", nil)
	e.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestStandaloneTakesAnAdapterByItsCommand(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(helperVariable, "plain")
	e, result := pipes(t, StandaloneOptions{Command: []string{self}, Start: func(_ context.Context, _ protocol.Target, launch json.RawMessage, _ func(string)) (*protocol.Endpoint, error) {
		return newSession(t, string(launch), newFakeHost("POD=yes"), nil).Endpoint(), nil
	}})
	if body := string(e.initialize().get("body")); !strings.Contains(body, "supportsFuture") {
		t.Errorf("not the adapter's capabilities: %s", body)
	}
	e.launchTo(`{"program":"prog","adapterEnv":"whole","env":{"OWN":"1"},"kubetunnel":{"service":"cart"}}`, "", 0)
	e.says(`"POD":"yes"`)
	e.told(`"OWN":"1"`, `"PATH":`)
	e.call("disconnect", nil)
	e.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
}
