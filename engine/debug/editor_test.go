//go:build unix

package debug

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// testTime is how long a test waits for what must happen.
const testTime = 60 * time.Second

// fakeHost is the session of a test.
type fakeHost struct {
	pod   []string
	err   error
	ready chan struct{}

	mu        sync.Mutex
	beforeEnd int
	shown     strings.Builder
}

func newFakeHost(pod ...string) *fakeHost {
	h := &fakeHost{pod: pod, ready: make(chan struct{})}
	close(h.ready)
	return h
}

func (h *fakeHost) Environment(ctx context.Context) ([]string, error) {
	select {
	case <-h.ready:
		return h.pod, h.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *fakeHost) BeforeEnd(context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beforeEnd++
}

func (h *fakeHost) ended() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.beforeEnd
}

func (h *fakeHost) Output(category, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown.WriteString(text)
}

func (h *fakeHost) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shown.String()
}

// shortDir is a folder short enough for Unix sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func newBox(t *testing.T, dir string) sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.New(t.Context(), sandbox.Config{Dir: dir, Mode: sandbox.ModeLoopback}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTime)
		defer cancel()
		if err := box.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return box
}

type session struct {
	*Debugger
	host *fakeHost
	box  sandbox.Sandbox
	dir  string
}

func newSession(t *testing.T, launch string, host *fakeHost, change func(*Options)) *session {
	t.Helper()
	dir := shortDir(t)
	box := newBox(t, dir)
	opts := Options{Sandbox: box, Launch: json.RawMessage(launch), Dir: dir, Host: host}
	if change != nil {
		change(&opts)
	}
	d, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return &session{Debugger: d, host: host, box: box, dir: dir}
}

func (s *session) waitDone(t *testing.T) (string, *int) {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(testTime):
		t.Fatal("the debugger does not end")
	}
	reason, code, err := s.Result()
	if err != nil {
		t.Fatal(err)
	}
	return reason, code
}

// editor is an editor that speaks DAP to an endpoint.
type editor struct {
	t    *testing.T
	port *port
	// got is everything that came, taken the messages that wait has returned.
	got    []*message
	output strings.Builder
	// lastSeq is the number of the last message, to see that numbers grow by one.
	lastSeq int
	// direct: they are the adapter's own, which need not grow in order.
	direct bool
}

func dialEditor(t *testing.T, endpoint *protocol.Endpoint) *editor {
	t.Helper()
	conn, err := net.Dial(endpoint.Network, endpoint.Address)
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{t: t, port: newPort(conn)}
	t.Cleanup(e.port.close)
	return e
}

// request sends a request and gives its number.
func (e *editor) request(command string, arguments any) int {
	return e.port.send(newRequest(command, arguments))
}

// call sends a request and waits for its answer, which must be a success.
func (e *editor) call(command string, arguments any) *message {
	e.t.Helper()
	m := e.answer(e.request(command, arguments))
	if !m.success {
		e.t.Fatalf("%s: %s", command, m.raw)
	}
	return m
}

func (e *editor) answer(seq int) *message {
	e.t.Helper()
	return e.wait("the answer to a request", func(m *message) bool { return m.kind == "response" && m.requestSeq == seq })
}

func (e *editor) event(name string) *message {
	e.t.Helper()
	return e.wait("event "+name, func(m *message) bool { return m.kind == "event" && m.event == name })
}

// says waits until the debug console holds a text.
func (e *editor) says(text string) {
	e.t.Helper()
	if strings.Contains(e.output.String(), text) {
		return
	}
	e.wait("output "+text, func(*message) bool { return strings.Contains(e.output.String(), text) })
}

// told checks that the debug console holds each text.
func (e *editor) told(texts ...string) {
	e.t.Helper()
	for _, want := range texts {
		if !strings.Contains(e.output.String(), want) {
			e.t.Errorf("the program does not say %q, but:\n%s", want, e.output.String())
		}
	}
}

// wait takes the first message that meets a condition.
func (e *editor) wait(what string, meets func(*message) bool) *message {
	e.t.Helper()
	for i, m := range e.got {
		if meets(m) {
			e.got = append(e.got[:i], e.got[i+1:]...)
			return m
		}
	}
	timeout := time.NewTimer(testTime)
	defer timeout.Stop()
	for {
		select {
		case m, ok := <-e.port.in:
			if !ok {
				e.t.Fatalf("%s: the connection has ended (%v); output: %s", what, e.port.err, e.output.String())
			}
			e.take(m)
			if meets(m) {
				return m
			}
			e.got = append(e.got, m)
		case <-timeout.C:
			e.t.Fatalf("%s does not come; output: %s", what, e.output.String())
		}
	}
}

func (e *editor) take(m *message) {
	e.t.Helper()
	if !e.direct && m.seq != e.lastSeq+1 {
		e.t.Errorf("message number %d after %d: %s", m.seq, e.lastSeq, m.raw)
	}
	e.lastSeq = m.seq
	if m.event == "output" {
		var body struct{ Output string }
		m.body(&body)
		e.output.WriteString(body.Output)
	}
}

// waitClosed reads until the connection ends.
func (e *editor) waitClosed() {
	e.t.Helper()
	timeout := time.NewTimer(testTime)
	defer timeout.Stop()
	for {
		select {
		case m, ok := <-e.port.in:
			if !ok {
				return
			}
			e.take(m)
			e.got = append(e.got, m)
		case <-timeout.C:
			e.t.Fatal("the connection does not end")
		}
	}
}

// initialize greets as VS Code does.
func (e *editor) initialize() *message {
	e.t.Helper()
	return e.call("initialize", map[string]any{
		"clientID": "test", "adapterID": "go", "pathFormat": "path", "linesStartAt1": true, "columnsStartAt1": true,
		"supportsRunInTerminalRequest": true,
	})
}

// launchTo launches and sets a breakpoint (0: none), up to configurationDone.
func (e *editor) launchTo(launch, source string, line int) {
	e.t.Helper()
	launched := e.request("launch", json.RawMessage(launch))
	e.event("initialized")
	e.configure(source, line)
	if m := e.answer(launched); !m.success {
		e.t.Fatalf("launch: %s; output: %s", m.raw, e.output.String())
	}
}

func (e *editor) configure(source string, line int) {
	e.t.Helper()
	if line > 0 {
		e.call("setBreakpoints", map[string]any{
			"source": map[string]any{"path": source}, "breakpoints": []any{map[string]any{"line": line}},
		})
	}
	e.call("configurationDone", map[string]any{})
}
