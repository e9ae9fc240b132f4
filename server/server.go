package server

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
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
	Version    string
}

// closeTimeout bounds the end of all sessions when the editor has gone.
const closeTimeout = 40 * time.Second

// Serve speaks with one editor until it says exit, goes away, or ctx ends. Every
// session is over when it returns. The code is the process's: 0 after shutdown, else 1.
func Serve(ctx context.Context, conn io.ReadWriteCloser, opts Options) (exitCode int) {
	s := &server{opts: opts, exit: make(chan struct{})}
	ready := make(chan struct{})
	s.conn = rpc.New(context.WithoutCancel(ctx), conn, func(ctx context.Context, method string, params json.RawMessage) (any, error) {
		<-ready
		return s.dispatch(ctx, method, params)
	}, opts.Log)
	s.editor = gen.ClientCaller{Conn: s.conn}
	close(ready)
	select {
	case <-s.conn.Done():
		opts.Log.Info("the editor has gone")
	case <-ctx.Done():
	case <-s.exit:
	}
	s.closeBackend(ctx)
	flushCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	s.conn.Flush(flushCtx)
	_ = s.conn.Close()
	if s.phase() == phaseShutdown {
		return 0
	}
	return 1
}

// phase of a conversation.
type phase int

const (
	phaseNew phase = iota
	phaseOpen
	phaseShutdown
)

// server implements protocol.Server for one editor. Its one goroutine of its own
// watches the editor's process, and ends with the connection.
type server struct {
	opts   Options
	conn   *rpc.Conn
	editor protocol.Client

	exitOnce sync.Once
	exit     chan struct{}

	mu      sync.Mutex
	at      phase
	backend Backend

	progress progressTable
}

var _ protocol.Server = (*server)(nil)

func (s *server) phase() phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// dispatch keeps the order of a conversation.
func (s *server) dispatch(ctx context.Context, method string, params json.RawMessage) (any, error) {
	switch at := s.phase(); {
	case method == gen.MethodExit:
	case at == phaseNew && method != gen.MethodInitialize:
		return nil, protocol.Errorf(protocol.CodeServerNotInitialized, "%s came before initialize", method)
	case at != phaseNew && method == gen.MethodInitialize:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "initialize came twice")
	case at == phaseShutdown:
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "%s came after shutdown", method)
	}
	return gen.DispatchServer(ctx, s, method, params)
}

func (s *server) Initialize(_ context.Context, p *protocol.InitializeParams) (*protocol.InitializeResult, error) {
	major, _, _ := strings.Cut(p.ProtocolVersion, ".")
	ours, _, _ := strings.Cut(protocol.Version, ".")
	if major != ours {
		return nil, protocol.Errorf(protocol.CodeInvalidParams, "the editor's extension speaks version %q of the protocol, this tunnel-server %s", p.ProtocolVersion, protocol.Version).
			WithFix(protocol.Fix{Title: "Bring the extension and tunnel-server to the same version"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at != phaseNew {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "initialize came twice")
	}
	backend, err := s.opts.NewBackend(p.Kubeconfig)
	if err != nil {
		return nil, err
	}
	s.backend, s.at = backend, phaseOpen
	if p.ProcessID > 0 {
		go s.watchEditor(p.ProcessID)
	}
	return &protocol.InitializeResult{
		ProtocolVersion: protocol.Version,
		ServerInfo:      protocol.ClientInfo{Name: "tunnel-server", Version: s.opts.Version},
		Capabilities:    backend.Capabilities(),
	}, nil
}

// watchEditor ends the conversation when the editor's process has gone: a pipe
// that a child of the editor has inherited would keep standing.
func (s *server) watchEditor(pid int) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.conn.Done():
			return
		case <-tick.C:
			if !processAlive(pid) {
				s.opts.Log.Info("the editor's process has gone", "pid", pid)
				s.endConversation()
				return
			}
		}
	}
}

func (s *server) endConversation() { s.exitOnce.Do(func() { close(s.exit) }) }

func (s *server) Initialized(context.Context, *protocol.Empty) error { return nil }

func (s *server) Shutdown(ctx context.Context, _ *protocol.Empty) (*protocol.Empty, error) {
	s.mu.Lock()
	s.at = phaseShutdown
	backend := s.backend
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return &protocol.Empty{}, backend.Close(ctx)
}

func (s *server) Exit(context.Context, *protocol.Empty) error {
	s.endConversation()
	return nil
}

// closeBackend ends all sessions under a deadline of its own.
func (s *server) closeBackend(ctx context.Context) {
	s.mu.Lock()
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
