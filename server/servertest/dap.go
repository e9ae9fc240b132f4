package servertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Debugger is an editor's end of a debug session. Its goroutine reads until the
// connection ends or Close.
type Debugger struct {
	conn io.ReadWriteCloser

	mu      sync.Mutex
	seq     int
	waiting map[int]chan dap.Message
	events  []dap.EventMessage
	taken   int
	changed chan struct{}
	err     error // set when the connection has ended
}

// DialDAP connects to a session's endpoint.
func DialDAP(ctx context.Context, e *protocol.Endpoint) (*Debugger, error) {
	if e == nil {
		return nil, errors.New("the session has no DAP endpoint")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, e.Network, e.Address)
	if err != nil {
		return nil, err
	}
	return NewDebugger(conn), nil
}

// NewDebugger speaks DAP over a connection.
func NewDebugger(conn io.ReadWriteCloser) *Debugger {
	d := &Debugger{conn: conn, waiting: map[int]chan dap.Message{}, changed: make(chan struct{})}
	go d.read()
	return d
}

func (d *Debugger) read() {
	r := bufio.NewReader(d.conn)
	for {
		m, err := dap.ReadProtocolMessage(r)
		var unknown *dap.DecodeProtocolMessageFieldError
		if errors.As(err, &unknown) {
			continue // an adapter's own event
		}
		d.mu.Lock()
		if err != nil {
			d.err = err
			for _, w := range d.waiting {
				close(w)
			}
			d.waiting = nil
		} else {
			d.take(m)
		}
		close(d.changed)
		d.changed = make(chan struct{})
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (d *Debugger) take(m dap.Message) {
	switch m := m.(type) {
	case dap.ResponseMessage:
		if w := d.waiting[m.GetResponse().RequestSeq]; w != nil {
			delete(d.waiting, m.GetResponse().RequestSeq)
			w <- m
		}
	case dap.EventMessage:
		d.events = append(d.events, m)
	}
}

// Close goes away without a word.
func (d *Debugger) Close() error { return d.conn.Close() }

// RequestError is an adapter's refusal.
type RequestError struct{ Command, Message string }

func (e *RequestError) Error() string { return e.Command + ": " + e.Message }

// Do sends a request and waits for its answer's body.
func (d *Debugger) Do(ctx context.Context, command string, arguments any) (dap.Message, error) {
	d.mu.Lock()
	if d.err != nil {
		d.mu.Unlock()
		return nil, fmt.Errorf("%s: the debugger has gone: %w", command, d.err)
	}
	d.seq++
	answer := make(chan dap.Message, 1)
	d.waiting[d.seq] = answer
	request := map[string]any{"seq": d.seq, "type": "request", "command": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	content, err := json.Marshal(request)
	if err == nil {
		err = dap.WriteBaseMessage(d.conn, content)
	}
	d.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	select {
	case m, ok := <-answer:
		if !ok {
			return nil, fmt.Errorf("%s: the debugger has gone", command)
		}
		return m, refusal(command, m)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", command, ctx.Err())
	}
}

func refusal(command string, m dap.Message) error {
	r, ok := m.(dap.ResponseMessage)
	if !ok || r.GetResponse().Success {
		return nil
	}
	message := r.GetResponse().Message
	if e, ok := m.(*dap.ErrorResponse); ok && e.Body.Error != nil {
		message = e.Body.Error.Format
	}
	return &RequestError{Command: command, Message: message}
}

// WaitEvent waits for the next event, behind those taken already, that is wanted.
func (d *Debugger) WaitEvent(ctx context.Context, want func(dap.EventMessage) bool) (dap.EventMessage, error) {
	for {
		d.mu.Lock()
		for d.taken < len(d.events) {
			e := d.events[d.taken]
			d.taken++
			if want(e) {
				d.mu.Unlock()
				return e, nil
			}
		}
		err, changed := d.err, d.changed
		d.mu.Unlock()
		if err != nil {
			return nil, fmt.Errorf("the debugger has gone: %w", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for an event: %w", ctx.Err())
		}
	}
}

// Event waits for an event of a name.
func (d *Debugger) Event(ctx context.Context, name string) (dap.EventMessage, error) {
	e, err := d.WaitEvent(ctx, func(e dap.EventMessage) bool { return e.GetEvent().Event == name })
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return e, err
}

// Launch says initialize and launch, sets breakpoints in a source file, and lets
// the program go. The launch may take as long as the program takes to build.
func (d *Debugger) Launch(ctx context.Context, launch any, source string, lines ...int) error {
	if _, err := d.Do(ctx, "initialize", map[string]any{
		"clientID": "servertest", "adapterID": "go", "pathFormat": "path", "linesStartAt1": true, "columnsStartAt1": true,
	}); err != nil {
		return err
	}
	launched := make(chan error, 1)
	go func() {
		_, err := d.Do(ctx, "launch", launch)
		launched <- err
	}()
	initialized := make(chan error, 1)
	go func() {
		_, err := d.Event(ctx, "initialized")
		initialized <- err
	}()
	// A launch that fails is never followed by the event.
	answered := false
	select {
	case err := <-launched:
		if err != nil {
			return err
		}
		answered = true
		if err := <-initialized; err != nil {
			return err
		}
	case err := <-initialized:
		if err != nil {
			return errors.Join(err, <-launched)
		}
	}
	if len(lines) > 0 {
		if err := d.SetBreakpoints(ctx, source, lines...); err != nil {
			return err
		}
	}
	if _, err := d.Do(ctx, "configurationDone", nil); err != nil {
		return err
	}
	if answered {
		return nil
	}
	return <-launched
}

// SetBreakpoints sets the breakpoints of a source file, all of which must be verified.
func (d *Debugger) SetBreakpoints(ctx context.Context, source string, lines ...int) error {
	points := []map[string]int{}
	for _, line := range lines {
		points = append(points, map[string]int{"line": line})
	}
	m, err := d.Do(ctx, "setBreakpoints", map[string]any{"source": map[string]string{"path": source}, "breakpoints": points})
	if err != nil {
		return err
	}
	answer, ok := m.(*dap.SetBreakpointsResponse)
	if !ok {
		return fmt.Errorf("setBreakpoints: %T", m)
	}
	for _, b := range answer.Body.Breakpoints {
		if !b.Verified {
			return fmt.Errorf("breakpoint in %s is not verified: %s", source, b.Message)
		}
	}
	return nil
}

// WaitStopped waits until the program stops, and gives the thread.
func (d *Debugger) WaitStopped(ctx context.Context) (*dap.StoppedEvent, error) {
	e, err := d.Event(ctx, "stopped")
	if err != nil {
		return nil, err
	}
	stopped, ok := e.(*dap.StoppedEvent)
	if !ok {
		return nil, fmt.Errorf("stopped: %T", e)
	}
	return stopped, nil
}

// Stack is a thread's frames.
func (d *Debugger) Stack(ctx context.Context, thread int) ([]dap.StackFrame, error) {
	m, err := d.Do(ctx, "stackTrace", map[string]int{"threadId": thread, "levels": 20})
	if err != nil {
		return nil, err
	}
	answer, ok := m.(*dap.StackTraceResponse)
	if !ok {
		return nil, fmt.Errorf("stackTrace: %T", m)
	}
	return answer.Body.StackFrames, nil
}

// Locals are a frame's variables.
func (d *Debugger) Locals(ctx context.Context, frame int) ([]dap.Variable, error) {
	m, err := d.Do(ctx, "scopes", map[string]int{"frameId": frame})
	if err != nil {
		return nil, err
	}
	scopes, ok := m.(*dap.ScopesResponse)
	if !ok || len(scopes.Body.Scopes) == 0 {
		return nil, fmt.Errorf("scopes: %T", m)
	}
	m, err = d.Do(ctx, "variables", map[string]int{"variablesReference": scopes.Body.Scopes[0].VariablesReference})
	if err != nil {
		return nil, err
	}
	answer, ok := m.(*dap.VariablesResponse)
	if !ok {
		return nil, fmt.Errorf("variables: %T", m)
	}
	return answer.Body.Variables, nil
}

// Evaluate evaluates an expression in a frame.
func (d *Debugger) Evaluate(ctx context.Context, frame int, expression string) (string, error) {
	m, err := d.Do(ctx, "evaluate", map[string]any{"expression": expression, "frameId": frame, "context": "repl"})
	if err != nil {
		return "", err
	}
	answer, ok := m.(*dap.EvaluateResponse)
	if !ok {
		return "", fmt.Errorf("evaluate: %T", m)
	}
	return answer.Body.Result, nil
}

// Continue lets a stopped program go on.
func (d *Debugger) Continue(ctx context.Context, thread int) error {
	_, err := d.Do(ctx, "continue", map[string]int{"threadId": thread})
	return err
}

// Disconnect ends the debug session; restart: another one follows.
func (d *Debugger) Disconnect(ctx context.Context, restart bool) error {
	_, err := d.Do(ctx, "disconnect", map[string]any{"restart": restart, "terminateDebuggee": true})
	return err
}
