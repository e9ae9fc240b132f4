package servertest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

// adapter is a debug adapter that does as it is told.
type adapter struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	seq  int
}

func newAdapter(t *testing.T) (*adapter, *servertest.Debugger) {
	t.Helper()
	ours, theirs := net.Pipe()
	d := servertest.NewDebugger(ours)
	t.Cleanup(func() { _ = d.Close() })
	return &adapter{t: t, conn: theirs, r: bufio.NewReader(theirs)}, d
}

type request struct {
	Seq, RequestSeq int
	Command         string
	Arguments       json.RawMessage
	Success         bool
	Message         string
	Body            json.RawMessage
}

// next reads a message, which is to be of a command.
func (a *adapter) next(command string) request {
	content, err := dap.ReadBaseMessage(a.r)
	if err != nil {
		a.t.Errorf("%s: %v", command, err)
		return request{}
	}
	var r struct {
		request
		RequestSeq int `json:"request_seq"`
	}
	if err := json.Unmarshal(content, &r); err != nil || r.Command != command {
		a.t.Errorf("got %s, %v, want %s", content, err, command)
	}
	r.request.RequestSeq = r.RequestSeq
	return r.request
}

func (a *adapter) send(message map[string]any) {
	a.seq++
	message["seq"] = a.seq
	content, err := json.Marshal(message)
	if err == nil {
		err = dap.WriteBaseMessage(a.conn, content)
	}
	if err != nil {
		a.t.Error(err)
	}
}

func (a *adapter) answer(r request, body any) {
	a.send(map[string]any{"type": "response", "request_seq": r.Seq, "command": r.Command, "success": true, "body": body})
}

func (a *adapter) refuse(r request, format string) {
	a.send(map[string]any{"type": "response", "request_seq": r.Seq, "command": r.Command, "success": false, "message": "short", "body": map[string]any{"error": map[string]any{"id": 1, "format": format}}})
}

func (a *adapter) event(name string, body any) {
	a.send(map[string]any{"type": "event", "event": name, "body": body})
}

// play runs the adapter's side beside the test, and waits for its end.
func play(t *testing.T, course func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		course()
	}()
	t.Cleanup(func() { <-done })
}

func TestLaunchTakesTheOrdersInWhichAdaptersAnswer(t *testing.T) {
	verified := map[string]any{"breakpoints": []any{map[string]any{"verified": true}}}
	for name, course := range map[string]func(a *adapter){
		"launch is answered at the end, as debugpy does": func(a *adapter) {
			a.answer(a.next("initialize"), nil)
			launch := a.next("launch")
			a.event("initialized", nil)
			a.answer(a.next("setBreakpoints"), verified)
			a.answer(a.next("configurationDone"), nil)
			a.answer(launch, nil)
		},
		"launch is answered first, as Delve does": func(a *adapter) {
			a.answer(a.next("initialize"), nil)
			launch := a.next("launch")
			a.event("output", map[string]any{"output": "building"})
			a.event("initialized", nil)
			a.answer(launch, nil)
			a.answer(a.next("setBreakpoints"), verified)
			a.answer(a.next("configurationDone"), nil)
		},
		"breakpoints are verified once the program is loaded, as GDB does": func(a *adapter) {
			a.answer(a.next("initialize"), nil)
			launch := a.next("launch")
			a.event("initialized", nil)
			a.answer(a.next("setBreakpoints"), map[string]any{"breakpoints": []any{map[string]any{"id": 1, "verified": false, "reason": "pending"}}})
			a.answer(a.next("configurationDone"), nil)
			a.answer(launch, nil)
			a.event("breakpoint", map[string]any{"reason": "changed", "breakpoint": map[string]any{"id": 1, "verified": true}})
		},
		"initialized comes before launch": func(a *adapter) {
			a.answer(a.next("initialize"), nil)
			a.event("initialized", nil)
			// Launch and setBreakpoints are under way at once.
			first, second := a.any(), a.any()
			for _, r := range []request{first, second} {
				a.answer(r, verified)
			}
			a.answer(a.next("configurationDone"), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, d := newAdapter(t)
			play(t, func() { course(a) })
			if err := d.Launch(t.Context(), map[string]any{"type": "go"}, "main.go", 3); err != nil {
				t.Error(err)
			}
		})
	}
}

func (a *adapter) any() request {
	content, err := dap.ReadBaseMessage(a.r)
	var r request
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		a.t.Error(err)
	}
	return r
}

func TestLaunchThatFailsTellsWhyAndWhatTheConsoleSaid(t *testing.T) {
	a, d := newAdapter(t)
	play(t, func() {
		a.answer(a.next("initialize"), nil)
		launch := a.next("attach")
		a.event("output", map[string]any{"category": "stderr", "output": "main.go:3: oh no\n"})
		a.refuse(launch, "Failed to build")
	})
	err := d.Launch(t.Context(), map[string]any{"type": "python", "request": "attach"}, "main.py", 3)
	var refused *servertest.RequestError
	if !errors.As(err, &refused) || refused.Message != "Failed to build" || refused.Command != "attach" || !strings.Contains(err.Error(), "oh no") {
		t.Errorf("got %v", err)
	}
}

func TestUnverifiedBreakpointIsAnError(t *testing.T) {
	a, d := newAdapter(t)
	play(t, func() {
		a.answer(a.next("setBreakpoints"), map[string]any{"breakpoints": []any{map[string]any{"verified": false, "message": "no code"}}})
	})
	if err := d.SetBreakpoints(t.Context(), "main.go", 1); err == nil || !strings.Contains(err.Error(), "no code") {
		t.Errorf("got %v", err)
	}
}

func TestLookingAround(t *testing.T) {
	a, d := newAdapter(t)
	play(t, func() {
		a.answer(a.next("threads"), map[string]any{"threads": []any{map[string]any{"id": 1, "name": "main"}}})
		a.answer(a.next("stackTrace"), map[string]any{"stackFrames": []any{map[string]any{"id": 5, "line": 3}}})
		a.answer(a.next("scopes"), map[string]any{"scopes": []any{map[string]any{"name": "Locals", "variablesReference": 9}}})
		a.answer(a.next("variables"), map[string]any{"variables": []any{map[string]any{"name": "x", "value": "1"}}})
		a.answer(a.next("evaluate"), map[string]any{"result": "2"})
		for _, step := range []string{"next", "stepIn", "stepOut", "pause", "continue", "terminate", "disconnect"} {
			a.answer(a.next(step), nil)
		}
	})
	ctx := t.Context()
	threads, err := d.Threads(ctx)
	frames, stackErr := d.Stack(ctx, 1)
	locals, localsErr := d.Locals(ctx, 5)
	result, evalErr := d.Evaluate(ctx, 5, "x+1")
	if err := errors.Join(err, stackErr, localsErr, evalErr, d.Next(ctx, 1), d.StepIn(ctx, 1), d.StepOut(ctx, 1), d.Pause(ctx, 1),
		d.Continue(ctx, 1), d.Terminate(ctx), d.Disconnect(ctx, false)); err != nil {
		t.Fatal(err)
	}
	if threads[0].Name != "main" || frames[0].Line != 3 || locals[0].Value != "1" || result != "2" {
		t.Errorf("got %v, %v, %v, %s", threads, frames, locals, result)
	}
}

func TestWaitsTakeEachEventOnce(t *testing.T) {
	a, d := newAdapter(t)
	play(t, func() {
		a.event("stopped", map[string]any{"reason": "breakpoint", "threadId": 1})
		a.event("special", map[string]any{"x": 1})
		a.event("stopped", map[string]any{"reason": "step", "threadId": 1})
		a.event("exited", map[string]any{"exitCode": 3})
		a.event("terminated", nil)
	})
	for _, reason := range []string{"breakpoint", "step"} {
		stopped, err := d.WaitStopped(t.Context())
		if err != nil || stopped.Body.Reason != reason {
			t.Fatalf("got %+v, %v", stopped, err)
		}
	}
	if _, err := d.WaitStopped(t.Context()); !errors.Is(err, servertest.ErrNever) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := d.Event(t.Context(), "special"); err != nil {
		t.Errorf("an event that go-dap does not know: %v", err)
	}
	if code, err := d.WaitExited(t.Context()); code != 3 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	if err := d.WaitTerminated(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatTheAdapterAsksIsAnswered(t *testing.T) {
	a, d := newAdapter(t)
	a.send(map[string]any{"type": "request", "command": "startDebugging", "arguments": map[string]any{}})
	if r := a.next("startDebugging"); r.Success || r.Message != "not supported" || r.RequestSeq != 1 {
		t.Errorf("got %+v", r)
	}
	d.OnRequest(func(_ string, arguments json.RawMessage) (any, error) { return map[string]any{"saw": arguments}, nil })
	a.send(map[string]any{"type": "request", "command": "runInTerminal", "arguments": []string{"ls"}})
	if r := a.next("runInTerminal"); !r.Success || string(r.Body) != `{"saw":["ls"]}` {
		t.Errorf("got %+v", r)
	}
}

func TestWaitsEndWithTheConnectionAndWithTheirContext(t *testing.T) {
	a, d := newAdapter(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.WaitStopped(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := d.Do(ctx, "threads", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that nobody reads: %v", err)
	}
	_ = a.conn.Close()
	if _, err := d.WaitStopped(t.Context()); err == nil {
		t.Error("there is no adapter")
	}
	if _, err := d.Do(t.Context(), "threads", nil); err == nil {
		t.Error("there is no adapter")
	}
}

func TestDialDAPReachesAnEndpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dap")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	d, err := servertest.DialDAP(t.Context(), &protocol.Endpoint{Network: "unix", Address: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := servertest.DialDAP(t.Context(), nil); err == nil {
		t.Error("a process session has no endpoint")
	}
}

func TestStartDAPSpeaksWithACommand(t *testing.T) {
	d, err := servertest.StartDAP(exec.Command("cat"))
	if err != nil {
		t.Fatal(err)
	}
	// cat gives the request back, which asks us, and is answered, and so on: the connection works.
	asked := make(chan string, 1)
	d.OnRequest(func(command string, _ json.RawMessage) (any, error) {
		select {
		case asked <- command:
		default:
		}
		return nil, nil
	})
	if _, err := d.Do(t.Context(), "threads", nil); err != nil {
		t.Error(err)
	}
	if got := <-asked; got != "threads" {
		t.Errorf("got %s", got)
	}
	if err := d.WaitExit(); err != nil {
		t.Error(err)
	}
}
