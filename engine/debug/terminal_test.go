//go:build linux

package debug

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// screen is a terminal of the editor's, in which it was asked to run a program.
type screen struct {
	t    *testing.T
	file *os.File
	cmd  *exec.Cmd
	seen strings.Builder
}

// openTerminal waits for runInTerminal, and does it.
func (e *editor) openTerminal() *screen {
	e.t.Helper()
	m := e.wait("runInTerminal", func(m *message) bool { return m.kind == "request" && m.command == "runInTerminal" })
	var arguments struct {
		Args []string
		Cwd  string
		Env  map[string]*string
	}
	m.arguments(&arguments)
	cmd := exec.Command(arguments.Args[0], arguments.Args[1:]...) //nolint:gosec // what the session asks for
	cmd.Dir, cmd.Env = arguments.Cwd, variables(arguments.Env).apply(os.Environ())
	file, err := pty.Start(cmd)
	if err != nil {
		e.t.Fatal(err)
	}
	s := &screen{t: e.t, file: file, cmd: cmd}
	e.t.Cleanup(s.waitEnd)
	response := newResponse(m)
	e.port.send(&response)
	return s
}

// shows reads until a text is there.
func (s *screen) shows(text string) {
	s.t.Helper()
	if err := s.file.SetReadDeadline(time.Now().Add(testTime)); err != nil {
		s.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for !strings.Contains(s.seen.String(), text) {
		n, err := s.file.Read(buffer)
		s.seen.Write(buffer[:n])
		if err != nil {
			s.t.Fatalf("%v, before the terminal shows %q: %s", err, text, s.seen.String())
		}
	}
}

// waitEnd waits for the end of what the terminal runs.
func (s *screen) waitEnd() {
	_, _ = io.Copy(io.Discard, s.file)
	_ = s.cmd.Wait()
	_ = s.file.Close()
}

// inTerminal gives a configuration's console.
func inTerminal(t *testing.T, launch, member string, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := setMember(json.RawMessage(launch), member, encoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}

// terminals are the debuggees of the tests, as each debugger's configuration puts them in a terminal.
func terminals(t *testing.T) map[string]func(env map[string]any) (launch, source string, line int) {
	return map[string]func(env map[string]any) (launch, source string, line int){
		"delve": func(env map[string]any) (string, string, int) {
			launch, source := appLaunch(t, env)
			return inTerminal(t, launch, "console", "integratedTerminal"), source, 19
		},
		"debugpy": func(env map[string]any) (string, string, int) {
			launch, source := pythonLaunch(t, env)
			return inTerminal(t, launch, "console", "externalTerminal"), source, pythonLine
		},
		"lldb": func(env map[string]any) (string, string, int) {
			launch, source := nativeLaunch(t, env)
			return inTerminal(t, launch, "runInTerminal", true), source, nativeLine
		},
	}
}

func TestProgramInATerminalOfTheEditors(t *testing.T) {
	needDelve(t)
	for name, configuration := range terminals(t) {
		t.Run(name, func(t *testing.T) {
			launch, source, line := configuration(map[string]any{"FROM_USER": "user"})
			s := newSession(t, launch, newFakeHost(hostilePod()...), marked(t.Name()))
			e := dialEditor(t, s.Endpoint())
			e.initialize()
			launched := e.request("launch", json.RawMessage(launch))
			terminal := e.openTerminal()
			e.event("initialized")
			e.configure(source, line)
			if m := e.answer(launched); !m.success {
				t.Fatalf("launch: %s; output: %s", m.raw, e.output.String())
			}
			thread := e.stopped()
			if got := e.evaluate(thread, "answer"); got != "42" {
				t.Errorf("answer = %s", got)
			}
			e.call("continue", map[string]any{"threadId": thread})
			terminal.shows("answer 42")
			for _, want := range []string{"FROM_POD", "pod value", "FROM_USER", "user"} {
				if !strings.Contains(terminal.seen.String(), want) {
					t.Errorf("%q is not in the terminal: %s", want, terminal.seen.String())
				}
			}
			e.event("terminated")
			e.call("disconnect", map[string]any{})
			if reason, code := s.waitDone(t); code == nil || *code != 3 {
				t.Errorf("exit code %v (%s)", code, reason)
			}
			waitTreeGone(t, t.Name())
		})
	}
}

func TestEditorWithoutTerminalsGetsTheOutputInItsConsole(t *testing.T) {
	needDelve(t)
	for name, configuration := range terminals(t) {
		t.Run(name, func(t *testing.T) {
			launch, source, line := configuration(nil)
			s := newSession(t, launch, newFakeHost("FROM_POD=pod value"), marked(t.Name()))
			e := dialEditor(t, s.Endpoint())
			e.call("initialize", map[string]any{"clientID": "test", "adapterID": name})
			e.launchTo(launch, source, line)
			e.call("continue", map[string]any{"threadId": e.stopped()})
			e.event("terminated")
			e.told("pod value", "answer 42")
			if !strings.Contains(s.host.text(), "starts nothing in a terminal") {
				t.Errorf("told: %s", s.host.text())
			}
			e.call("disconnect", map[string]any{})
			s.waitDone(t)
			waitTreeGone(t, t.Name())
		})
	}
}

// The end of a session whose program is in a terminal ends the program.
func TestStopEndsTheProgramInTheTerminal(t *testing.T) {
	needDelve(t)
	launch, _ := appLaunch(t, map[string]any{"APP_WAIT": "1"})
	launch = inTerminal(t, launch, "console", "integratedTerminal")
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	launched := e.request("launch", json.RawMessage(launch))
	terminal := e.openTerminal()
	e.event("initialized")
	e.configure("", 0)
	e.answer(launched)
	terminal.shows("waiting")
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	terminal.waitEnd()
	waitTreeGone(t, t.Name())
}

func TestEditorThatRefusesATerminalIsTold(t *testing.T) {
	needDelve(t)
	launch, _ := appLaunch(t, nil)
	launch = inTerminal(t, launch, "console", "integratedTerminal")
	s := newSession(t, launch, newFakeHost(), marked(t.Name()))
	e := dialEditor(t, s.Endpoint())
	e.initialize()
	launched := e.request("launch", json.RawMessage(launch))
	asked := e.wait("runInTerminal", func(m *message) bool { return m.command == "runInTerminal" })
	refusal := newResponse(asked)
	refusal.Success, refusal.Message = false, "no terminal today"
	e.port.send(&refusal)
	if m := e.answer(launched); m.success || !strings.Contains(string(m.raw), "no terminal today") || !strings.Contains(string(m.raw), "KT17") {
		t.Errorf("launch: %s", m.raw)
	}
	e.call("disconnect", map[string]any{})
	s.waitDone(t)
	waitTreeGone(t, t.Name())
}

// The DAP face hands the terminal on to its editor.
func TestStandaloneProgramInATerminal(t *testing.T) {
	needDelve(t)
	launch, source := appLaunch(t, nil)
	launch = inTerminal(t, launch, "console", "integratedTerminal")
	e, result := pipes(t, StandaloneOptions{Adapter: "go", Start: func(_ context.Context, _ protocol.Target, launch json.RawMessage, _ func(string)) (*protocol.Endpoint, error) {
		return newSession(t, string(launch), newFakeHost("FROM_POD=pod value"), marked(t.Name())).Endpoint(), nil
	}})
	e.initialize()
	launched := e.request("launch", json.RawMessage(inTerminal(t, launch, "kubetunnel", map[string]string{"service": "cart"})))
	terminal := e.openTerminal()
	e.event("initialized")
	e.configure(source, breakLine)
	if m := e.answer(launched); !m.success {
		t.Fatalf("launch: %s; output: %s", m.raw, e.output.String())
	}
	e.call("continue", map[string]any{"threadId": e.stopped()})
	terminal.shows("answer 42")
	if !strings.Contains(terminal.seen.String(), "pod value") {
		t.Errorf("not in the pod: %s", terminal.seen.String())
	}
	e.event("terminated")
	e.call("disconnect", nil)
	e.waitClosed()
	if err := <-result; err != nil {
		t.Error(err)
	}
	waitTreeGone(t, t.Name())
}
