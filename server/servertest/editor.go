// Package servertest plays an editor: it drives a tunnel-server, as a process or
// in memory, by the editor contract, and a session's debugger by DAP. The demo and
// the end-to-end tests are built on it.
//
// It imports protocol, server and server/rpc, and go-dap.
package servertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
	"github.com/kubetunnel/kubetunnel/server"
	"github.com/kubetunnel/kubetunnel/server/rpc"
)

// Editor is one editor with its tunnel-server. Its methods may be called by
// several goroutines. Goroutines: those of its connection, ended by Close; one that
// waits for the server's end.
type Editor struct {
	// Server is the far side.
	Server gen.ServerCaller
	// Greeting is the answer to initialize, once Open has returned.
	Greeting *protocol.InitializeResult

	conn   *rpc.Conn
	cmd    *exec.Cmd // nil in memory
	exited chan struct{}
	code   int // once exited is closed

	told
}

// Start starts a tunnel-server and says initialize. Its log goes to stderr.
func Start(ctx context.Context, binary, kubeconfig string, stderr io.Writer, env ...string) (*Editor, error) {
	cmd := exec.Command(binary, "--stdio") //nolint:gosec // the binary under test
	cmd.Stderr = stderr
	cmd.Env = append(os.Environ(), env...)
	// A process that the server has left behind may hold its standard error.
	cmd.WaitDelay = 5 * time.Second
	e, err := Spawn(cmd)
	if err != nil {
		return nil, err
	}
	if err := e.Open(ctx, kubeconfig); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

// Spawn starts a command that serves an editor on its standard streams; Open is the caller's.
func Spawn(cmd *exec.Cmd) (*Editor, error) {
	conn, err := startPiped(cmd)
	if err != nil {
		return nil, err
	}
	e := Connect(conn)
	e.cmd = cmd
	go func() {
		// The pipe must be read to its end before Wait closes it.
		<-e.conn.Done()
		_ = cmd.Wait()
		e.code = cmd.ProcessState.ExitCode()
		close(e.exited)
	}()
	return e, nil
}

// startPiped starts a command with its standard streams as one connection.
func startPiped(cmd *exec.Cmd) (io.ReadWriteCloser, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return pipes{out, in}, nil
}

type pipes struct {
	io.ReadCloser
	in io.WriteCloser
}

func (p pipes) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.in.Close(), p.ReadCloser.Close()) }

// Serve serves an editor in memory; Open is the caller's. Cancelling ctx is a signal to the server.
func Serve(ctx context.Context, opts server.Options) *Editor {
	ours, theirs := net.Pipe()
	e := Connect(ours)
	go func() {
		e.code = server.Serve(ctx, theirs, opts)
		close(e.exited)
	}()
	return e
}

// Connect plays an editor on a connection that is there; Open is the caller's.
func Connect(conn io.ReadWriteCloser) *Editor {
	e := &Editor{exited: make(chan struct{}), told: newTold()}
	e.conn = rpc.New(context.Background(), conn, func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		return gen.DispatchClient(ctx, (*client)(&e.told), method, params)
	}, slog.New(slog.DiscardHandler))
	e.gone = e.conn.Done()
	e.Server = gen.ServerCaller{Conn: e.conn}
	return e
}

// Open says initialize and initialized.
func (e *Editor) Open(ctx context.Context, kubeconfig string) error {
	greeting, err := e.Server.Initialize(ctx, &protocol.InitializeParams{
		ProtocolVersion: protocol.Version, ClientInfo: protocol.ClientInfo{Name: "servertest"}, ProcessID: os.Getpid(),
		Kubeconfig: kubeconfig, Capabilities: protocol.ClientCapabilities{WorkDoneProgress: true},
	})
	if err != nil {
		return err
	}
	e.Greeting = greeting
	return e.Server.Initialized(ctx, &protocol.Empty{})
}

// PID is the server's process.
func (e *Editor) PID() int { return e.cmd.Process.Pid }

// Process is the server's process.
func (e *Editor) Process() *os.Process { return e.cmd.Process }

// Exited is closed when the server has ended.
func (e *Editor) Exited() <-chan struct{} { return e.exited }

// WaitExit waits for the server's end, and gives its exit code.
func (e *Editor) WaitExit(ctx context.Context) (int, error) {
	select {
	case <-e.exited:
		return e.code, nil
	case <-ctx.Done():
		return -1, fmt.Errorf("the server has not ended: %w", ctx.Err())
	}
}

// Quit says shutdown and exit, and gives the server's exit code.
func (e *Editor) Quit(ctx context.Context) (int, error) {
	if _, err := e.Server.Shutdown(ctx, &protocol.Empty{}); err != nil {
		return -1, err
	}
	if err := e.Server.Exit(ctx, &protocol.Empty{}); err != nil {
		return -1, err
	}
	return e.WaitExit(ctx)
}

// Close goes away like an editor that is killed: its end of the pipes is closed.
func (e *Editor) Close() error { return e.conn.Close() }
