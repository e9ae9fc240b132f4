package tunnel

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// ServerConfig is the agent's end.
type ServerConfig struct {
	Key PrivateKey
	Log *slog.Logger
	// Authorize gives the configuration of a client's sessions, or an error that refuses it.
	Authorize func(PublicKey) (Config, error)
	// OnSession is called once for each session that is up, before its OnAttached. It must not block.
	OnSession func(*Session)
}

// Server takes tunnels. Goroutines: one per connection for its greeting and
// handshake (greeter.go), one per session that abandons and forgets it. Close
// ends all of them; sessions have their own.
type Server struct {
	cfg  ServerConfig
	door *Door

	mu        sync.Mutex
	closed    bool
	pipes     map[pipeID]*served
	greeting  map[io.Closer]struct{}
	listeners map[net.Listener]struct{}
	group     sync.WaitGroup
	done      chan struct{} // closed by Close
}

// served is a session that may be resumed.
type served struct {
	key     PublicKey
	session *Session
}

// NewServer makes a server; Serve starts it.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg: cfg, door: NewDoor(maxGreeting), pipes: map[pipeID]*served{}, greeting: map[io.Closer]struct{}{},
		listeners: map[net.Listener]struct{}{}, done: make(chan struct{}),
	}
}

// acceptPause is the pause after a failed Accept, as when there are too many open files.
const acceptPause = 50 * time.Millisecond

// Serve takes connections until Close, and then returns nil, or until l is
// closed by somebody else.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.welcome(conn)
			continue
		case isClosed(s.done):
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("tunnel: %w", err)
		}
		s.cfg.Log.Warn("tunnel: accept", "error", err)
		select {
		case <-s.done:
			return nil
		case <-time.After(acceptPause):
		}
	}
}

// maxGreeting is how many connections may wait that have not shown a key yet. Each
// may hold a pipe's receiveLimit and a TLS message of 256 KiB at most.
const maxGreeting = 64

// welcome serves a connection, unless the server is closed.
func (s *Server) welcome(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return
	}
	s.greeting[conn] = struct{}{}
	s.door.Enter(conn)
	s.group.Go(func() {
		err := s.greet(conn)
		s.door.Leave(conn)
		if err != nil {
			_ = conn.Close()
			s.cfg.Log.Info("tunnel refused", "error", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.greeting, conn)
	})
}

// Withdraw ends the sessions of a key at once; they can't be resumed.
func (s *Server) Withdraw(key PublicKey) {
	s.mu.Lock()
	var sessions []*Session
	for id, v := range s.pipes {
		if v.key == key {
			sessions = append(sessions, v.session)
			delete(s.pipes, id)
		}
	}
	s.mu.Unlock()
	closeAll(sessions)
}

// closeAll closes sessions side by side: each may take as long as a goodbye.
func closeAll(sessions []*Session) {
	var group sync.WaitGroup
	for _, session := range sessions {
		group.Go(func() { _ = session.Close() })
	}
	group.Wait()
}

// Close ends everything and waits for it, but for the sessions' handlers.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	var sessions []*Session
	for _, v := range s.pipes {
		sessions = append(sessions, v.session)
	}
	var ends []io.Closer
	for l := range s.listeners {
		ends = append(ends, l)
	}
	for c := range s.greeting {
		ends = append(ends, c)
	}
	s.mu.Unlock()
	for _, c := range ends {
		_ = c.Close()
	}
	closeAll(sessions)
	s.group.Wait()
	return nil
}
