package servertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Debugger is an editor's end of a debug session. Its methods may be called by
// several goroutines. Its goroutine reads until the connection ends or Close.
type Debugger struct {
	conn io.ReadWriteCloser
	cmd  *exec.Cmd // of StartDAP

	writing sync.Mutex // a message at a time

	mu      sync.Mutex
	seq     int
	waiting map[int]chan dap.Message
	events  []event
	output  strings.Builder
	reverse func(command string, arguments json.RawMessage) (body any, err error)
	changed chan struct{} // closed and replaced with each message
	err     error         // set when the connection has ended
}

// event is one that was sent; taken by at most one wait.
type event struct {
	message dap.EventMessage
	taken   bool
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

// StartDAP starts a debug adapter that speaks on its standard streams, such as `tunnel-server dap`.
func StartDAP(cmd *exec.Cmd) (*Debugger, error) {
	conn, err := startPiped(cmd)
	if err != nil {
		return nil, err
	}
	d := NewDebugger(conn)
	d.cmd = cmd
	return d, nil
}

// NewDebugger speaks DAP over a connection.
func NewDebugger(conn io.ReadWriteCloser) *Debugger {
	d := &Debugger{conn: conn, waiting: map[int]chan dap.Message{}, changed: make(chan struct{})}
	go d.read()
	return d
}

// Close goes away without a word.
func (d *Debugger) Close() error { return d.conn.Close() }

// WaitExit goes away, and waits for the adapter that StartDAP has started: nil when it ended with code 0.
func (d *Debugger) WaitExit() error {
	_ = d.conn.Close()
	return d.cmd.Wait()
}

// OnRequest answers what the adapter asks, such as runInTerminal. Without it, all is refused.
func (d *Debugger) OnRequest(answer func(command string, arguments json.RawMessage) (body any, err error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reverse = answer
}

// Output is all that was written to the debug console.
func (d *Debugger) Output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.String()
}

// RequestError is an adapter's refusal.
type RequestError struct{ Command, Message string }

func (e *RequestError) Error() string { return e.Command + ": " + e.Message }

// Do sends a request and waits for its answer. When ctx ends while it is being
// sent, the connection is of no use any more, and closed.
func (d *Debugger) Do(ctx context.Context, command string, arguments any) (dap.Message, error) {
	answer, err := d.ask(ctx, command, arguments)
	if err != nil {
		return nil, err
	}
	return answer()
}

// ask makes a request; answer waits for what comes back.
func (d *Debugger) ask(ctx context.Context, command string, arguments any) (answer func() (dap.Message, error), err error) {
	d.mu.Lock()
	if d.err != nil {
		d.mu.Unlock()
		return nil, fmt.Errorf("%s: the debugger has gone: %w", command, d.err)
	}
	d.seq++
	seq, answered := d.seq, make(chan dap.Message, 1)
	d.waiting[seq] = answered
	d.mu.Unlock()
	request := map[string]any{"seq": seq, "type": "request", "command": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	stop := context.AfterFunc(ctx, func() { _ = d.conn.Close() })
	err = d.write(request)
	stop()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, errors.Join(err, ctx.Err()))
	}
	return func() (dap.Message, error) {
		select {
		case m, ok := <-answered:
			if !ok {
				return nil, fmt.Errorf("%s: the debugger has gone", command)
			}
			return m, refusal(command, m)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", command, ctx.Err())
		}
	}, nil
}

func (d *Debugger) write(message any) error {
	content, err := json.Marshal(message)
	if err != nil {
		return err
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	return dap.WriteBaseMessage(d.conn, content)
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

func (d *Debugger) read() {
	r := bufio.NewReader(d.conn)
	for {
		content, err := dap.ReadBaseMessage(r)
		d.mu.Lock()
		if err == nil {
			d.take(content)
		} else {
			d.err = err
			for _, w := range d.waiting {
				close(w)
			}
			d.waiting = nil
		}
		close(d.changed)
		d.changed = make(chan struct{})
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// take sorts a message in. Those that go-dap does not know have no typed body.
func (d *Debugger) take(content []byte) {
	var raw struct {
		dap.Response
		Event     string          `json:"event"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if json.Unmarshal(content, &raw) != nil {
		return
	}
	m, err := dap.DecodeProtocolMessage(content)
	switch raw.Type {
	case "response":
		w := d.waiting[raw.RequestSeq]
		delete(d.waiting, raw.RequestSeq)
		if err != nil {
			m = &raw.Response
		}
		if w != nil {
			w <- m
		}
	case "event":
		e, ok := m.(dap.EventMessage)
		if err != nil || !ok {
			e = &dap.Event{ProtocolMessage: raw.ProtocolMessage, Event: raw.Event}
		}
		d.events = append(d.events, event{message: e})
		if o, ok := e.(*dap.OutputEvent); ok {
			d.output.WriteString(o.Body.Output)
		}
	case "request":
		go d.answer(d.reverse, raw.Seq, raw.Command, raw.Arguments)
	}
}

// answer answers what the adapter asks.
func (d *Debugger) answer(reverse func(string, json.RawMessage) (any, error), seq int, command string, arguments json.RawMessage) {
	var body any
	err := errors.New("not supported")
	if reverse != nil {
		body, err = reverse(command, arguments)
	}
	response := map[string]any{"type": "response", "request_seq": seq, "command": command, "success": err == nil}
	if err != nil {
		response["message"] = err.Error()
	} else if body != nil {
		response["body"] = body
	}
	d.mu.Lock()
	d.seq++
	response["seq"] = d.seq
	d.mu.Unlock()
	// When it can't be written the reader ends too.
	_ = d.write(response)
}
