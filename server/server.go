package server

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
	"github.com/kubetunnel/kubetunnel/server/rpc"
)

// Options of a server.
type Options struct {
	// NewBackend makes the engine when the editor has said which kubeconfig it wants ("" = the usual one).
	NewBackend func(kubeconfig string) (Backend, error)
	Log        *slog.Logger
	// EditorLog, if any, shows what is logged in the editor's output channel too.
	EditorLog *EditorLog
	Version   string

	// alive takes the place of processAlive in tests.
	alive func(pid int) bool
}

// closeTimeout bounds the end of all sessions when the editor has gone.
const closeTimeout = 40 * time.Second

// server implements protocol.Server for one editor. Its one goroutine of its own
// watches the editor's process, and ends with the connection.
type server struct {
	opts     Options
	conn     *rpc.Conn
	editor   gen.ClientCaller
	progress progressTable
	outputs  outputs

	exitOnce sync.Once
	exit     chan struct{}

	mu      sync.Mutex
	phase   phase
	closing bool
	backend Backend
}

var _ protocol.Server = (*server)(nil)

// ServeStdio is Serve over a pair of streams; they are closed if they can be.
func ServeStdio(ctx context.Context, in io.Reader, out io.Writer, opts Options) (exitCode int) {
	return Serve(ctx, stdio{in, out}, opts)
}

type stdio struct {
	io.Reader
	io.Writer
}

func (s stdio) Close() error {
	for _, end := range []any{s.Reader, s.Writer} {
		if c, ok := end.(io.Closer); ok {
			_ = c.Close()
		}
	}
	return nil
}

// Serve speaks with one editor until it says exit, goes away, or ctx ends. Every
// session is over when it returns. The code is the process's: 0 after shutdown, else 1.
func Serve(ctx context.Context, conn io.ReadWriteCloser, opts Options) (exitCode int) {
	defer survivePipes()()
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.alive == nil {
		opts.alive = processAlive
	}
	s := &server{opts: opts, exit: make(chan struct{})}
	s.serve(ctx, conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == phaseShutdown {
		return 0
	}
	return 1
}

func (s *server) serve(ctx context.Context, conn io.ReadWriteCloser) {
	ready := make(chan struct{})
	s.conn = rpc.NewGated(context.WithoutCancel(ctx), conn, func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		<-ready
		return gen.DispatchServer(ctx, s, method, params)
	}, s.admit, s.opts.Log)
	s.editor = gen.ClientCaller{Conn: s.conn}
	s.progress.notify = s.conn
	close(ready)
	if s.opts.EditorLog != nil {
		defer s.opts.EditorLog.attach(s.conn)()
	}
	select {
	case <-s.conn.Done():
		s.opts.Log.Info("the editor has gone")
	case <-ctx.Done():
		s.opts.Log.Info("told to end")
	case <-s.exit:
	}
	// The connection is closed last: the editor hears how its sessions end.
	s.closeBackend(ctx)
	if err := s.conn.Close(); err != nil {
		s.opts.Log.Error("end of the connection", "error", err)
	}
}

// closeBackend ends all sessions under a deadline of its own: the ctx that ended
// the conversation must not cut the end of the sessions short.
func (s *server) closeBackend(ctx context.Context) {
	s.mu.Lock()
	s.closing = true
	backend := s.backend
	s.mu.Unlock()
	if backend == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := backend.Close(ctx); err != nil {
		s.opts.Log.Error("end of the sessions", "error", err)
	}
}

// survivePipes keeps SIGPIPE from ending the process. When an editor is killed, the
// first write to its end of standard output or standard error raises it, and the
// sessions would not be ended. Ignoring the signal would be inherited by debuggees.
func survivePipes() (restore func()) {
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	return func() { signal.Stop(pipe) }
}
