package tunnel

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
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
	// OnSession is called once for each session that is up. It must not block.
	OnSession func(*Session)
}

// Server takes tunnels. Goroutines: one per connection for its greeting and
// handshake, ended by Close; sessions have their own.
type Server struct {
	cfg ServerConfig

	mu       sync.Mutex
	closed   bool
	pipes    map[pipeID]*served
	conns    map[io.Closer]struct{}
	listener net.Listener
	group    sync.WaitGroup
}

// served is a pipe that may be resumed.
type served struct {
	pipe    *pipe
	key     PublicKey
	session *Session
	abandon time.Duration
}

// NewServer makes a server; Serve starts it.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, pipes: map[pipeID]*served{}, conns: map[io.Closer]struct{}{}}
}

// Serve takes connections until Close; it then returns nil.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.listener = l
	s.mu.Unlock()
	for {
		conn, err := l.Accept()
		if err != nil {
			if s.isClosed() {
				return nil
			}
			return fmt.Errorf("tunnel: %w", err)
		}
		if !s.track(conn) {
			_ = conn.Close()
			return nil
		}
		s.group.Go(func() {
			defer s.untrack(conn)
			if err := s.greet(conn); err != nil {
				s.cfg.Log.Info("tunnel refused", "error", err)
				_ = conn.Close()
			}
		})
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Server) track(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) untrack(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// greet answers a hello: a new pipe, or one to go on with.
func (s *Server) greet(conn net.Conn) error {
	stop := bounded(conn, handshakeTimeout)
	h, err := readHello(conn)
	if err != nil {
		stop()
		return err
	}
	w := welcome{major: versionMajor, minor: versionMinor, id: h.id}
	if h.major != versionMajor {
		w.status = statusVersion
		_, _ = conn.Write(w.append(nil))
		stop()
		return &VersionError{Ours: versionMajor, Theirs: h.major}
	}
	if h.id != (pipeID{}) {
		err := s.resume(conn, h, w)
		stop()
		return err
	}
	if _, err := rand.Read(w.id[:]); err != nil {
		stop()
		return err
	}
	_, err = conn.Write(w.append(nil))
	stop()
	if err != nil {
		return err
	}
	return s.begin(conn, w.id)
}

// begin secures a new pipe and makes its session.
func (s *Server) begin(conn net.Conn, id pipeID) error {
	var cfg Config
	secureConfig := ServerTLS(s.cfg.Key, func(k PublicKey) (err error) {
		cfg, err = s.cfg.Authorize(k)
		return err
	})
	var tell func(bool) // known once the client is
	p := newPipe(id, Config{}.withDefaults().timing(), func(attached bool) {
		if tell != nil {
			tell(attached)
		}
	})
	// Told below, when the client is known.
	p.told = true
	if err := p.attach(conn, 0); err != nil {
		return err
	}
	secure := tls.Server(p, secureConfig)
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = p.Close() // lets the alert reach the client
		return err
	}
	cfg = cfg.withDefaults()
	p.notify.Lock()
	tell = cfg.OnAttached
	p.notify.Unlock()
	if _, err := secure.Write([]byte{confirmed}); err != nil {
		p.fail(err)
		return err
	}
	session, err := newSession(cfg, p, secure, false)
	if err != nil {
		p.fail(err)
		return err
	}
	if err := s.admit(id, &served{pipe: p, key: session.Peer(), session: session, abandon: cfg.Abandon}); err != nil {
		p.fail(err)
		<-session.done
		return err
	}
	if s.cfg.OnSession != nil {
		s.cfg.OnSession(session)
	}
	p.notify.Lock()
	p.told = false
	p.notify.Unlock()
	p.tell()
	return nil
}

// admit keeps a session until it ends. A key that was withdrawn in the meantime is refused.
func (s *Server) admit(id pipeID, v *served) error {
	if _, err := s.cfg.Authorize(v.key); err != nil {
		return &UnauthorizedError{Key: v.key, Cause: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.pipes[id] = v
	s.group.Go(func() { s.mind(id, v) })
	return nil
}

// mind abandons a session that stays without a transport, and forgets it when it ends.
func (s *Server) mind(id pipeID, v *served) {
	for {
		select {
		case <-v.pipe.done:
		case <-v.pipe.lostNow():
			timer := time.NewTimer(v.abandon)
			select {
			case <-v.pipe.done:
			case <-timer.C:
				if !v.pipe.isAttached() {
					v.pipe.fail(ErrAbandoned)
				}
			case <-v.pipe.backNow():
			}
			timer.Stop()
		}
		if v.pipe.failure() != nil {
			<-v.session.done
			s.mu.Lock()
			delete(s.pipes, id)
			s.mu.Unlock()
			return
		}
	}
}

var errBadProof = errors.New("resume: the proof is wrong")

// resume lets a client go on with its pipe if it knows the pipe's secret.
func (s *Server) resume(conn net.Conn, h hello, w welcome) error {
	s.mu.Lock()
	v := s.pipes[h.id]
	s.mu.Unlock()
	if v == nil || v.pipe.failure() != nil {
		w.status = statusUnknown
		_, _ = conn.Write(w.append(nil))
		return errUnknownPipe
	}
	w.status = statusResume
	if _, err := rand.Read(w.nonce[:]); err != nil {
		return err
	}
	if _, err := conn.Write(w.append(nil)); err != nil {
		return err
	}
	var got [proofSize]byte
	if _, err := io.ReadFull(conn, got[:]); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	if !hmac.Equal(got[:], proof(v.pipe.secretNow(), h, w)) {
		return errBadProof
	}
	// The former transport must not take in more bytes than the client is told of.
	received := v.pipe.detach()
	if _, err := conn.Write(appendResumed(nil, received)); err != nil {
		return err
	}
	return v.pipe.attach(conn, h.received)
}

// Withdraw ends the sessions of a key at once; they can't be resumed.
func (s *Server) Withdraw(key PublicKey) {
	s.mu.Lock()
	var sessions []*Session
	for _, v := range s.pipes {
		if v.key == key {
			sessions = append(sessions, v.session)
		}
	}
	s.mu.Unlock()
	for _, session := range sessions {
		_ = session.Close()
	}
}

// Close ends everything and waits for it.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	l := s.listener
	var sessions []*Session
	for _, v := range s.pipes {
		sessions = append(sessions, v.session)
	}
	var conns []io.Closer
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	for _, session := range sessions {
		_ = session.Close()
	}
	for _, c := range conns {
		_ = c.Close()
	}
	s.group.Wait()
	return nil
}
