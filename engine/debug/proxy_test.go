//go:build unix

package debug

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// fakeLaunch is a configuration for the tests' own adapter.
func fakeLaunch(t *testing.T, more map[string]any) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{"type": "command", "request": "launch", "adapter": []string{self}, "program": "prog"}
	for name, value := range more {
		values[name] = value
	}
	raw, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func fakeMode(mode string) func(*Options) {
	return func(o *Options) { o.Env = append(os.Environ(), helperVariable+"="+mode) }
}

func TestProxyTransports(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for transport, arg := range map[string]string{"stdio": "", "reverse": "dial={address}", "unix": "unix={address}", "tcp": "tcp={address}"} {
		t.Run(transport, func(t *testing.T) {
			launch := fakeLaunch(t, map[string]any{"adapter": []string{self, arg}, "adapterTransport": transport})
			s := newSession(t, launch, newFakeHost("POD=yes"), fakeMode("plain"))
			e := dialEditor(t, s.Endpoint())
			e.initialize()
			e.launchTo(launch, "", 0)
			e.says(`"POD":"yes"`)
			e.call("disconnect", map[string]any{})
			e.waitClosed()
			s.waitDone(t)
		})
	}
}

// started is a session with the tests' own adapter, launched.
func started(t *testing.T, mode string, host *fakeHost) (*session, *editor) {
	t.Helper()
	launch := fakeLaunch(t, nil)
	s := newSession(t, launch, host, fakeMode(mode))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	e.launchTo(launch, "", 0)
	return s, e
}

func TestProxyPassesOnWhatItDoesNotKnow(t *testing.T) {
	_, e := started(t, "plain", newFakeHost())
	e.call("novel", map[string]any{})
	m := e.wait("the new kind of message", func(m *message) bool { return m.kind == "novelty" })
	want := `{ "body" : {"seq":1, "n":1.50e+10}, "seq" : ` + string(number(m.seq)) + ` , "type":"novelty","request_seq":5}`
	if string(m.raw) != want {
		t.Errorf("got  %s\nwant %s", m.raw, want)
	}
}

func TestProxyAdapterIsToldItsOwnTypeAndNotTheEditors(t *testing.T) {
	launch := fakeLaunch(t, nil)
	s := newSession(t, launch, newFakeHost(), fakeMode("plain"))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	var arguments map[string]any
	if err := json.Unmarshal([]byte(launch), &arguments); err != nil {
		t.Fatal(err)
	}
	arguments["type"], arguments["kubetunnel"] = "kubetunnel", map[string]any{"mode": "proxy"}
	if m := e.answer(e.request("launch", arguments)); !m.success {
		t.Fatalf("launch: %s", m.raw)
	}
	e.says(`"type":"command"`)
	for _, m := range e.got {
		if strings.Contains(string(m.raw), "kubetunnel\\\"") {
			t.Errorf("the adapter has heard of us: %s", m.raw)
		}
	}
}

func TestProxyCapabilitiesAreTheAdapters(t *testing.T) {
	launch := fakeLaunch(t, nil)
	s := newSession(t, launch, newFakeHost(), fakeMode("plain"))
	e := dialEditor(t, s.Endpoint())
	if body := string(e.initialize().get("body")); !strings.Contains(body, `"supportsFuture":{"x":[1,2]}`) {
		t.Errorf("capabilities %s", body)
	}
}

func TestProxyTranslatesNumbersInside(t *testing.T) {
	_, e := started(t, "plain", newFakeHost())
	for range 3 { // so that the two sides' numbers differ
		e.call("anything", nil)
	}
	seq := e.request("progress", nil)
	var progress struct{ RequestID int }
	e.event("progressStart").body(&progress)
	if progress.RequestID != seq {
		t.Errorf("progress of request %d, want %d", progress.RequestID, seq)
	}
	hung := e.request("hang", nil)
	e.call("cancel", map[string]any{"requestId": hung})
	if m := e.answer(hung); !strings.Contains(string(m.raw), "cancelled") {
		t.Errorf("answer to the cancelled request: %s", m.raw)
	}
}

// What to say of a request that is not open, the adapter knows; none of its own may be meant.
func TestProxyPassesACancelOfNothing(t *testing.T) {
	_, e := started(t, "plain", newFakeHost())
	e.call("anything", nil)
	hung := e.request("hang", nil)
	for _, nothing := range []int{hung - 1, hung + 100} { // one that was answered, and none
		if m := e.call("cancel", map[string]any{"requestId": nothing}); string(m.get("body")) != `{"of":0}` {
			t.Errorf("cancel of %d: %s", nothing, m.raw)
		}
	}
}

// Some adapters say so at the program's end and at that of the debug session.
func TestProxyPassesEachTerminatedOfTheAdapter(t *testing.T) {
	_, e := started(t, "plain", newFakeHost())
	e.request("twice", nil)
	for _, n := range []string{"1", "2"} {
		if body := string(e.event("terminated").get("body")); body != `{"n":`+n+`}` {
			t.Errorf("got %s, want number %s", body, n)
		}
	}
}

func TestProxyRunInTerminalJoinsTheSandbox(t *testing.T) {
	s, e := started(t, "plain", newFakeHost())
	e.request("terminal", nil)
	m := e.wait("a reverse request", func(m *message) bool { return m.kind == "request" })
	var arguments struct {
		Args []string
		Cwd  string
	}
	m.arguments(&arguments)
	want, err := s.box.Enter([]string{"prog", "a b"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(arguments.Args, "|") != strings.Join(want, "|") || arguments.Cwd != "/tmp" {
		t.Errorf("arguments %s", m.get("arguments"))
	}
	response := newResponse(m)
	e.port.send(&response)
	e.says("answer to 1000: success=true")
}

func TestProxyHoldsTheLaunchUntilTheEnvironmentIsThere(t *testing.T) {
	host := newFakeHost("LATE=yes")
	host.ready = make(chan struct{})
	launch := fakeLaunch(t, nil)
	s := newSession(t, launch, host, fakeMode("plain"))
	e := dialEditor(t, s.Endpoint())
	e.initialize() // answered although the session is not ready
	launched := e.request("launch", json.RawMessage(launch))
	behind := e.request("anything", nil)
	s.Output("stage: agent\n")
	e.says("stage: agent")
	for _, m := range e.got {
		if m.kind == "response" {
			t.Errorf("answered before the environment was there: %s", m.raw)
		}
	}
	close(host.ready)
	if m := e.answer(launched); !m.success {
		t.Errorf("launch: %s", m.raw)
	}
	e.answer(behind)
	e.says(`"LATE":"yes"`)
}

func TestProxyFailedSessionIsToldAtLaunch(t *testing.T) {
	failure := protocol.Errorf(protocol.CodeAlreadyIntercepted, "Service shop/cart is intercepted by anna")
	for name, fail := range map[string]func(s *session, host *fakeHost){
		"by the environment": func(_ *session, host *fakeHost) { host.err = failure; close(host.ready) },
		"by Fail":            func(s *session, _ *fakeHost) { s.Fail(failure) },
	} {
		t.Run(name, func(t *testing.T) {
			host := newFakeHost()
			host.ready = make(chan struct{})
			launch := fakeLaunch(t, nil)
			s := newSession(t, launch, host, fakeMode("plain"))
			e := dialEditor(t, s.Endpoint())
			e.initialize()
			launched := e.request("launch", json.RawMessage(launch))
			fail(s, host)
			m := e.answer(launched)
			for _, want := range []string{`"id":1401`, `"showUser":true`, "KT1401: Service shop/cart", `"success":false`} {
				if !strings.Contains(string(m.raw), want) {
					t.Errorf("the answer lacks %s: %s", want, m.raw)
				}
			}
			e.event("terminated")
			e.call("disconnect", nil)
			e.waitClosed()
			if reason, _ := s.waitDone(t); !strings.Contains(reason, "KT1401") {
				t.Errorf("reason %q", reason)
			}
		})
	}
}

func TestProxyDisconnectWhileTheLaunchIsHeld(t *testing.T) {
	host := newFakeHost()
	host.ready = make(chan struct{})
	launch := fakeLaunch(t, nil)
	s := newSession(t, launch, host, fakeMode("plain"))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	launched := e.request("launch", json.RawMessage(launch))
	e.call("disconnect", nil)
	if m := e.answer(launched); m.success {
		t.Errorf("launch: %s", m.raw)
	}
	s.waitDone(t)
}

func TestProxyAdapterGoesWrong(t *testing.T) {
	for command, want := range map[string]string{
		"crash": "KT1705", "garbage": "KT1703", "garbageJSON": "KT1703", "giant": "KT1703",
	} {
		t.Run(command, func(t *testing.T) {
			s, e := started(t, "plain", newFakeHost())
			open := e.request("hang", nil)
			wrong := e.request(command, nil)
			for _, seq := range []int{open, wrong} {
				if m := e.answer(seq); m.success || !strings.Contains(string(m.raw), want) {
					t.Errorf("open request answered with %s", m.raw)
				}
			}
			e.event("terminated")
			e.says(want)
			if command == "crash" {
				e.says("out of cheese")
				e.says("exit code 9")
			}
			if m := e.answer(e.request("threads", nil)); m.success {
				t.Errorf("threads after the end: %s", m.raw)
			}
			e.call("disconnect", nil)
			e.waitClosed()
			if reason, _ := s.waitDone(t); !strings.Contains(reason, want) {
				t.Errorf("reason %q", reason)
			}
			s.host.waitBeforeEnd(t)
		})
	}
}

func TestProxyEditorGoesWrong(t *testing.T) {
	for name, text := range map[string]string{
		"garbage": "GET / HTTP/1.1\r\n\r\n", "giant": "Content-Length: 99999999999\r\n\r\n",
		"half a message": "Content-Length: 100\r\n\r\n{", "not JSON": "Content-Length: 3\r\n\r\n{{{",
		"endless header": strings.Repeat("x", 10000),
	} {
		t.Run(name, func(t *testing.T) {
			s, e := started(t, "plain", newFakeHost())
			if _, err := e.port.conn.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if name == "half a message" {
				e.port.close()
			}
			s.waitDone(t)
			if s.host.ended() == 0 {
				t.Error("BeforeEnd was not called")
			}
		})
	}
}

func TestProxyEndOfTheProgram(t *testing.T) {
	s, e := started(t, "plain", newFakeHost())
	e.request("exit", nil)
	e.event("terminated")
	if !strings.Contains(e.output.String(), "last words") {
		t.Error("the program's last output comes after its end")
	}
	e.call("disconnect", nil)
	if reason, code := s.waitDone(t); code == nil || *code != 7 || !strings.Contains(reason, "exit code 7") {
		t.Errorf("result %q, %v", reason, code)
	}
}

func TestProxyDisconnectEndsTheDebuggee(t *testing.T) {
	_, e := started(t, "plain", newFakeHost())
	e.call("disconnect", map[string]any{"terminateDebuggee": false})
	e.waitClosed()
	e.says(`disconnect {"terminateDebuggee":true}`)
}

func TestProxyStopOnTheWayToTheEndIsNotTold(t *testing.T) {
	_, e := started(t, "halting", newFakeHost())
	e.call("disconnect", map[string]any{"restart": true})
	e.says("halted")
	for _, m := range e.got {
		if m.event == "stopped" {
			t.Errorf("the editor was told %s", m.raw)
		}
	}
}

func TestProxyStubbornAdapterIsEnded(t *testing.T) {
	s, e := started(t, "stubborn", newFakeHost())
	e.request("disconnect", nil)
	e.waitClosed()
	s.waitDone(t)
}

func TestDebuggerWaitsForARestartingEditor(t *testing.T) {
	for name, restart := range map[string]func(e *editor){
		"disconnect with restart": func(e *editor) { e.call("disconnect", map[string]any{"restart": true}) },
		"terminated with restart": func(e *editor) { e.request("again", nil); e.event("terminated"); e.call("disconnect", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s, e := started(t, "plain", newFakeHost())
			restart(e)
			e.waitClosed()
			again := dialEditor(t, s.Endpoint())
			again.initialize()
			again.launchTo(fakeLaunch(t, nil), "", 0)
			again.call("disconnect", nil)
			s.waitDone(t)
		})
	}
}

func TestDebuggerRestartByTerminatedEvent(t *testing.T) {
	s, e := started(t, "plain", newFakeHost()) // an adapter that can't restart by itself
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := e.event("terminated"); !strings.Contains(string(m.raw), `"restart":true`) {
		t.Errorf("terminated event %s", m.raw)
	}
	e.call("disconnect", map[string]any{"restart": true})
	e.waitClosed()
	again := dialEditor(t, s.Endpoint())
	again.initialize()
}

func TestDebuggerGivesUpOnAnEditorThatDoesNotCome(t *testing.T) {
	s := newSession(t, fakeLaunch(t, nil), newFakeHost(), func(o *Options) { o.ConnectTime = 1 })
	if reason, _ := s.waitDone(t); !strings.Contains(reason, "no editor") {
		t.Errorf("reason %q", reason)
	}
}

func TestDebuggerAdapterThatDoesNotStart(t *testing.T) {
	s := newSession(t, fakeLaunch(t, map[string]any{"adapterTransport": "reverse", "adapter": []string{os.Args[0], "{address}"}}), newFakeHost(), fakeMode("broken"))
	e := dialEditor(t, s.Endpoint())
	m := e.answer(e.request("initialize", map[string]any{"adapterID": "x"}))
	for _, want := range []string{"KT1703", "exit code 5", "no licence", `"showUser":true`} {
		if !strings.Contains(string(m.raw), want) {
			t.Errorf("the answer lacks %q: %s", want, m.raw)
		}
	}
	e.call("disconnect", nil)
	e.waitClosed()
	s.waitDone(t)
}

func TestDebuggerTerminateWithoutAnEditor(t *testing.T) {
	s := newSession(t, fakeLaunch(t, nil), newFakeHost(), fakeMode("plain"))
	s.Terminate(t.Context())
	s.waitDone(t)
	s.Terminate(t.Context())
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	var numbered *protocol.Error
	if err := s.Restart(t.Context()); !errors.As(err, &numbered) {
		t.Errorf("Restart after the end: %v", err)
	}
}
