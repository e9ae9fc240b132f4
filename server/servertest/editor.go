// Package servertest plays an editor: it drives a real tunnel-server by the
// editor contract, and a session's debugger by DAP. The demo and the end-to-end
// tests are built on it.
package servertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
	"github.com/kubetunnel/kubetunnel/server/rpc"
)

// Editor is one editor with its tunnel-server. Its methods may be called by
// several goroutines. Goroutines: those of its connection, ended by Close.
type Editor struct {
	// Server is the far side.
	Server gen.ServerCaller
	conn   *rpc.Conn
	cmd    *exec.Cmd
	exited chan struct{}

	mu       sync.Mutex
	sessions map[string]protocol.SessionInfo
	outputs  map[string]string
	progress []protocol.ProgressParams
	changed  chan struct{}
}

// Start starts a tunnel-server and says initialize. Its log goes to stderr.
func Start(ctx context.Context, binary, kubeconfig string, stderr io.Writer, env ...string) (*Editor, error) {
	cmd := exec.Command(binary, "--stdio") //nolint:gosec // the binary under test
	cmd.Stderr = stderr
	cmd.Env = append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	e := newEditor(pipes{out, in})
	e.cmd = cmd
	go func() {
		// The pipe must be read to its end before Wait closes it.
		<-e.conn.Done()
		_ = cmd.Wait()
		close(e.exited)
	}()
	if _, err := e.Server.Initialize(ctx, &protocol.InitializeParams{
		ProtocolVersion: protocol.Version, ClientInfo: protocol.ClientInfo{Name: "servertest"}, ProcessID: os.Getpid(),
		Kubeconfig: kubeconfig, Capabilities: protocol.ClientCapabilities{WorkDoneProgress: true},
	}); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, e.Server.Initialized(ctx, &protocol.Empty{})
}

// Connect plays an editor on a connection that is there; initialize is the caller's.
func Connect(conn io.ReadWriteCloser) *Editor { return newEditor(conn) }

func newEditor(conn io.ReadWriteCloser) *Editor {
	e := &Editor{
		sessions: map[string]protocol.SessionInfo{}, outputs: map[string]string{}, changed: make(chan struct{}), exited: make(chan struct{}),
	}
	e.conn = rpc.New(context.Background(), conn, func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		return gen.DispatchClient(ctx, (*client)(e), method, params)
	}, slog.New(slog.DiscardHandler))
	e.Server = gen.ServerCaller{Conn: e.conn}
	return e
}

type pipes struct {
	io.ReadCloser
	in io.WriteCloser
}

func (p pipes) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.in.Close(), p.ReadCloser.Close()) }

// PID is the server's process.
func (e *Editor) PID() int { return e.cmd.Process.Pid }

// Process is the server's process.
func (e *Editor) Process() *os.Process { return e.cmd.Process }

// Exited is closed when the server's process has ended.
func (e *Editor) Exited() <-chan struct{} { return e.exited }

// Quit says shutdown and exit, and gives the server's exit code.
func (e *Editor) Quit(ctx context.Context) (int, error) {
	if _, err := e.Server.Shutdown(ctx, &protocol.Empty{}); err != nil {
		return -1, err
	}
	if err := e.Server.Exit(ctx, &protocol.Empty{}); err != nil {
		return -1, err
	}
	select {
	case <-e.exited:
		return e.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// Close goes away like an editor that is killed: its end of the pipes is closed.
func (e *Editor) Close() error { return e.conn.Close() }

// ErrNever means that a state can't come any more.
var ErrNever = errors.New("the session has ended without it")

// WaitState waits until a session is in one of the states.
func (e *Editor) WaitState(ctx context.Context, id string, states ...protocol.State) (protocol.SessionInfo, error) {
	for {
		e.mu.Lock()
		info, changed := e.sessions[id], e.changed
		e.mu.Unlock()
		if slices.Contains(states, info.State) {
			return info, nil
		}
		if info.State == protocol.StateEnded || info.State == protocol.StateFailed {
			return info, fmt.Errorf("session %s is %s (%s), waited for %v: %w", id, info.State, info.Reason, states, ErrNever)
		}
		select {
		case <-changed:
		case <-e.conn.Done():
			return info, fmt.Errorf("the server has gone, waited for %v of session %s", states, id)
		case <-ctx.Done():
			return info, fmt.Errorf("session %s is %s (%s), waited for %v: %w", id, info.State, info.Reason, states, ctx.Err())
		}
	}
}

// Session is the last state that the server has told.
func (e *Editor) Session(id string) protocol.SessionInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[id]
}

// Output is all that a session has written.
func (e *Editor) Output(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.outputs[id]
}

// Progress is all that was reported.
func (e *Editor) Progress() []protocol.ProgressParams {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.progress)
}

// client takes what the server tells.
type client Editor

func (c *client) note(edit func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit()
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *client) SessionDidChange(_ context.Context, p *protocol.SessionInfo) error {
	return c.note(func() { c.sessions[p.ID] = *p })
}

func (c *client) SessionOutput(_ context.Context, p *protocol.SessionOutputParams) error {
	return c.note(func() { c.outputs[p.ID] += p.Output })
}

func (c *client) Progress(_ context.Context, p *protocol.ProgressParams) error {
	return c.note(func() { c.progress = append(c.progress, *p) })
}

func (c *client) LogMessage(context.Context, *protocol.LogMessageParams) error { return nil }
