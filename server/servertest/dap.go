package servertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-dap"
)

type arguments = map[string]any

// ask sends a request and gives the answer as the type that it has.
func ask[T dap.Message](ctx context.Context, d *Debugger, command string, args any) (T, error) {
	m, err := d.Do(ctx, command, args)
	var none T
	if err != nil {
		return none, err
	}
	answer, ok := m.(T)
	if !ok {
		return none, fmt.Errorf("%s: answered by a %T", command, m)
	}
	return answer, nil
}

// Initialize greets an adapter, and tells what it can do.
func (d *Debugger) Initialize(ctx context.Context, adapterID string) (*dap.Capabilities, error) {
	answer, err := ask[*dap.InitializeResponse](ctx, d, "initialize", arguments{
		"clientID": "servertest", "adapterID": adapterID, "pathFormat": "path", "linesStartAt1": true, "columnsStartAt1": true,
		"supportsRunInTerminalRequest": d.answers(), "supportsStartDebuggingRequest": d.answers(),
	})
	if err != nil {
		return nil, err
	}
	return &answer.Body, nil
}

func (d *Debugger) answers() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reverse != nil
}

// Launch says initialize and launch (or attach, if the configuration's request says
// so), sets breakpoints in a source file, and lets the program go. The launch may
// take as long as the program takes to build.
func (d *Debugger) Launch(ctx context.Context, launch any, source string, lines ...int) error {
	adapter, command := launchKind(launch)
	if _, err := d.Initialize(ctx, adapter); err != nil {
		return err
	}
	// Before what follows it: some adapters answer it last.
	answer, err := d.ask(ctx, command, launch)
	if err != nil {
		return err
	}
	launched := make(chan error, 1)
	go func() {
		_, err := answer()
		launched <- err
	}()
	if err := d.configure(ctx, launched, source, lines); err != nil {
		return fmt.Errorf("%w; the debug console says:\n%s", err, d.Output())
	}
	return nil
}

// configure is the course between launch and configurationDone. An adapter may
// answer launch before all that, or only after it.
func (d *Debugger) configure(ctx context.Context, launched <-chan error, source string, lines []int) error {
	waitCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	initialized := make(chan error, 1)
	go func() {
		_, err := d.Event(waitCtx, "initialized")
		initialized <- err
	}()
	answered := false
	for begun := false; !begun; {
		select {
		case err := <-launched:
			// A launch that fails is never followed by the event.
			if err != nil {
				return err
			}
			answered, launched = true, nil
		case err := <-initialized:
			if err != nil {
				return err
			}
			begun = true
		}
	}
	var pending map[int]string
	if len(lines) > 0 {
		var err error
		if pending, err = d.setBreakpoints(ctx, source, lines); err != nil {
			return err
		}
	}
	if err := d.ConfigurationDone(ctx); err != nil {
		return err
	}
	if !answered {
		if err := <-launched; err != nil {
			return err
		}
	}
	return d.waitVerified(ctx, source, pending)
}

// waitVerified waits for breakpoints that an adapter verifies once the program is loaded.
func (d *Debugger) waitVerified(ctx context.Context, source string, pending map[int]string) error {
	for len(pending) > 0 {
		e, err := d.Event(ctx, "breakpoint")
		if err != nil {
			return fmt.Errorf("breakpoints in %s are not verified: %v: %w", source, pending, err)
		}
		if b, ok := e.(*dap.BreakpointEvent); ok && b.Body.Breakpoint.Verified {
			delete(pending, b.Body.Breakpoint.Id)
		}
	}
	return nil
}

// launchKind reads a launch configuration's type and request.
func launchKind(launch any) (adapter, command string) {
	var kind struct{ Type, Request string }
	raw, err := json.Marshal(launch)
	if err == nil {
		err = json.Unmarshal(raw, &kind)
	}
	if err != nil || kind.Type == "" {
		kind.Type = "go"
	}
	if kind.Request != "attach" {
		kind.Request = "launch"
	}
	return kind.Type, kind.Request
}

// ConfigurationDone lets a launched program go.
func (d *Debugger) ConfigurationDone(ctx context.Context) error {
	_, err := d.Do(ctx, "configurationDone", nil)
	return err
}

// SetBreakpoints sets the breakpoints of a source file, all of which must be verified.
func (d *Debugger) SetBreakpoints(ctx context.Context, source string, lines ...int) error {
	pending, err := d.setBreakpoints(ctx, source, lines)
	for _, message := range pending {
		return fmt.Errorf("breakpoint in %s is not verified: %s", source, message)
	}
	return err
}

// setBreakpoints sets them, and gives the messages of those that are not verified yet.
func (d *Debugger) setBreakpoints(ctx context.Context, source string, lines []int) (pending map[int]string, err error) {
	points := []map[string]int{}
	for _, line := range lines {
		points = append(points, map[string]int{"line": line})
	}
	answer, err := ask[*dap.SetBreakpointsResponse](ctx, d, "setBreakpoints", arguments{
		"source": map[string]string{"path": source}, "breakpoints": points,
	})
	if err != nil {
		return nil, err
	}
	pending = map[int]string{}
	for _, b := range answer.Body.Breakpoints {
		if !b.Verified {
			pending[b.Id] = b.Message
		}
	}
	return pending, nil
}

// Threads are the program's threads.
func (d *Debugger) Threads(ctx context.Context) ([]dap.Thread, error) {
	answer, err := ask[*dap.ThreadsResponse](ctx, d, "threads", nil)
	if err != nil {
		return nil, err
	}
	return answer.Body.Threads, nil
}

// Stack is a thread's frames.
func (d *Debugger) Stack(ctx context.Context, thread int) ([]dap.StackFrame, error) {
	answer, err := ask[*dap.StackTraceResponse](ctx, d, "stackTrace", arguments{"threadId": thread, "levels": 20})
	if err != nil {
		return nil, err
	}
	return answer.Body.StackFrames, nil
}

// Scopes are a frame's scopes.
func (d *Debugger) Scopes(ctx context.Context, frame int) ([]dap.Scope, error) {
	answer, err := ask[*dap.ScopesResponse](ctx, d, "scopes", arguments{"frameId": frame})
	if err != nil {
		return nil, err
	}
	return answer.Body.Scopes, nil
}

// Variables are those of a scope, or the children of a variable.
func (d *Debugger) Variables(ctx context.Context, reference int) ([]dap.Variable, error) {
	answer, err := ask[*dap.VariablesResponse](ctx, d, "variables", arguments{"variablesReference": reference})
	if err != nil {
		return nil, err
	}
	return answer.Body.Variables, nil
}

// Locals are a frame's local variables: those of the scope that says so, or else of the first.
func (d *Debugger) Locals(ctx context.Context, frame int) ([]dap.Variable, error) {
	scopes, err := d.Scopes(ctx, frame)
	if err != nil {
		return nil, err
	}
	if len(scopes) == 0 {
		return nil, errors.New("scopes: there is none")
	}
	for _, s := range scopes {
		if s.PresentationHint == "locals" {
			return d.Variables(ctx, s.VariablesReference)
		}
	}
	return d.Variables(ctx, scopes[0].VariablesReference)
}

// Evaluate evaluates an expression in a frame.
func (d *Debugger) Evaluate(ctx context.Context, frame int, expression string) (string, error) {
	answer, err := ask[*dap.EvaluateResponse](ctx, d, "evaluate", arguments{"expression": expression, "frameId": frame, "context": "repl"})
	if err != nil {
		return "", err
	}
	return answer.Body.Result, nil
}

// Continue lets a stopped program go on.
func (d *Debugger) Continue(ctx context.Context, thread int) error {
	return d.step(ctx, "continue", thread)
}

// Next goes on to the next line; WaitStopped tells when it is reached.
func (d *Debugger) Next(ctx context.Context, thread int) error { return d.step(ctx, "next", thread) }

// StepIn goes into a call.
func (d *Debugger) StepIn(ctx context.Context, thread int) error {
	return d.step(ctx, "stepIn", thread)
}

// StepOut goes on to the end of a call.
func (d *Debugger) StepOut(ctx context.Context, thread int) error {
	return d.step(ctx, "stepOut", thread)
}

// Pause stops a running program.
func (d *Debugger) Pause(ctx context.Context, thread int) error { return d.step(ctx, "pause", thread) }

func (d *Debugger) step(ctx context.Context, command string, thread int) error {
	_, err := d.Do(ctx, command, arguments{"threadId": thread})
	return err
}

// Terminate asks the program to end.
func (d *Debugger) Terminate(ctx context.Context) error {
	_, err := d.Do(ctx, "terminate", arguments{})
	return err
}

// Disconnect ends the debug session; restart: another one follows.
func (d *Debugger) Disconnect(ctx context.Context, restart bool) error {
	_, err := d.Do(ctx, "disconnect", arguments{"restart": restart, "terminateDebuggee": true})
	return err
}
