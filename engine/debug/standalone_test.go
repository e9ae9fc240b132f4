//go:build linux

package debug

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
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
