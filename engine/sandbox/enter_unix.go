//go:build unix

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// enterArg is the hidden subcommand that joins a sandbox: __enter SOCKET PROGRAM ARGS…
const enterArg = "__enter"

// leaveArg is the same for a program inside that is to run on the workstation's side.
const leaveArg = "__leave"

// enterSocket is the name of the socket in a session's folder.
const enterSocket = "enter.sock"

// maxSocketPath is what fits into a Unix socket's address on every system.
const maxSocketPath = 103

// enterServer starts programs for those that others start (a terminal of the
// editor): the client passes its stdio, folder and environment; the program becomes
// a child of the init like any other.
//
// One goroutine accepts, one serves each client; close ends them.
type enterServer struct {
	listener *net.UnixListener
	path     string
	start    starters
	debuggee func(ctx context.Context, own, keep []string) ([]string, error)
	log      *slog.Logger
	clients  sync.WaitGroup
	ctx      context.Context // ended by close
	cancel   context.CancelFunc

	mu    sync.Mutex
	conns map[*net.UnixConn]struct{}
}

// starter starts a client's program.
type starter func(cmd Command, files []*os.File) (*supervisor, *childProcess, error)

// starters are the two sides on which a client's program may run.
type starters struct{ inside, outside starter }

// startIn starts as the workstation finds the program, below an init.
func startIn(super *supervisor) starter {
	return func(cmd Command, files []*os.File) (*supervisor, *childProcess, error) {
		cmd, path, err := completeCommand(cmd)
		if err != nil {
			return nil, nil, err
		}
		child, err := super.start(path, cmd, files)
		return super, child, err
	}
}

// newEnterServer listens in the folder of cfg; extra is what the sandbox adds to a
// debuggee's environment.
func newEnterServer(cfg Config, start starters, extra func() []string, log *slog.Logger) (*enterServer, error) {
	s := &enterServer{start: start, log: log, conns: map[*net.UnixConn]struct{}{}}
	s.debuggee = func(ctx context.Context, own, keep []string) ([]string, error) {
		if cfg.Debuggee == nil {
			return own, nil
		}
		return cfg.Debuggee(ctx, own, extra(), keep)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	dir := cfg.Dir
	if dir == "" {
		return s, nil
	}
	s.path = filepath.Join(dir, enterSocket)
	if len(s.path) > maxSocketPath {
		return nil, fmt.Errorf("the session's folder %s is too long for a Unix socket (%d characters at most)", dir, maxSocketPath-len("/"+enterSocket))
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(s.path, 0o600); err != nil {
		_ = listener.Close()
		return nil, err
	}
	s.listener = listener
	s.clients.Go(s.accept)
	return s, nil
}

// command gives the command line that joins this sandbox.
func (s *enterServer) command(args []string) ([]string, error) { return s.line(enterArg, args) }

// outside gives the command line that leaves it.
func (s *enterServer) outside(args []string) ([]string, error) { return s.line(leaveArg, args) }

func (s *enterServer) line(arg string, args []string) ([]string, error) {
	if s.listener == nil {
		return nil, errors.New("this sandbox has no folder for its socket")
	}
	if len(args) == 0 {
		return nil, errors.New("a command needs a program")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return append([]string{self, arg, s.path}, args...), nil
}

func (s *enterServer) accept() {
	for {
		conn, err := s.listener.AcceptUnix()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.clients.Go(func() {
			s.serve(conn)
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
			_ = conn.Close()
		})
	}
}

// serve starts one client's program, passes its signals on and tells its exit code.
func (s *enterServer) serve(conn *net.UnixConn) {
	var request initRequest
	files, err := readWire(conn, &request)
	if err != nil {
		s.log.Debug("a client of the sandbox said nothing useful", "error", err)
		return
	}
	defer closeAll(files)
	super, child, err := s.startFor(request, files)
	if err != nil {
		_ = writeWire(conn, initReply{Error: err.Error()}, nil)
		return
	}
	if err := writeWire(conn, initReply{PID: child.pid}, nil); err != nil {
		_ = super.end(context.Background(), child)
		return
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			var m initRequest
			passed, err := readWire(conn, &m)
			closeAll(passed)
			if err != nil {
				return
			}
			if m.Op == opSignal {
				_ = super.signal(child, syscall.Signal(m.Signal))
			}
		}
	}()
	select {
	case <-child.exit:
		_ = writeWire(conn, initReply{PID: child.pid, Exited: true, Status: child.status}, nil)
	case <-gone:
		// The terminal was closed: so is the program.
		_ = super.end(context.Background(), child)
	}
	_ = conn.Close()
	<-gone
}

func (s *enterServer) startFor(request initRequest, files []*os.File) (*supervisor, *childProcess, error) {
	if request.Op != opStart || len(files) != 3 {
		return nil, nil, fmt.Errorf("a start with 3 files is needed, got %q with %d", request.Op, len(files))
	}
	start := s.start.inside
	if request.Outside {
		start = s.start.outside
	}
	cmd := Command{Args: fromOctets(request.Args), Dir: string(request.Dir), Env: fromOctets(request.Env), Terminal: request.Terminal}
	if request.Debuggee {
		var err error
		if cmd.Env, err = s.debuggee(s.ctx, cmd.Env, request.Keep); err != nil {
			return nil, nil, err
		}
	}
	return start(cmd, files)
}

func (s *enterServer) close() {
	s.cancel()
	if s.listener == nil {
		return
	}
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.clients.Wait()
}
