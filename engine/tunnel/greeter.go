package tunnel

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// greet answers a hello: a new pipe, or one to go on with.
func (s *Server) greet(conn net.Conn) error {
	stop := bounded(conn, handshakeTimeout)
	defer stop()
	h, err := readHello(conn)
	if err != nil {
		return err
	}
	w := welcome{major: versionMajor, minor: versionMinor, id: h.id}
	if h.major != versionMajor {
		w.status = statusVersion
		_, _ = conn.Write(w.append(nil))
		return &VersionError{Ours: versionMajor, Theirs: h.major}
	}
	if h.id != (pipeID{}) {
		return s.resume(conn, h, w)
	}
	if _, err := rand.Read(w.id[:]); err != nil {
		return err
	}
	if _, err = conn.Write(w.append(nil)); err != nil {
		return err
	}
	stop()
	return s.begin(conn, w.id)
}

// begin secures a new pipe and makes its session.
func (s *Server) begin(conn net.Conn, id pipeID) error {
	p := newPipe(id, Config{}.withDefaults().timing()) // until the client is known
	if err := p.attach(conn, 0, 0); err != nil {
		return err
	}
	secure, cfg, err := s.handshake(p)
	if err != nil {
		_ = p.Close() // lets the alert reach the client
		return err
	}
	session, err := newSession(cfg, p, secure, false)
	if err != nil {
		p.fail(err)
		return err
	}
	if err := s.admit(id, session); err != nil {
		_ = session.Close()
		return err
	}
	// The client may come back from here on. It opens nothing until it reads this.
	if _, err := secure.Write([]byte{confirmed}); err != nil {
		_ = session.Close()
		return err
	}
	if s.cfg.OnSession != nil {
		s.cfg.OnSession(session)
	}
	p.observe(cfg.OnAttached)
	return nil
}

func (s *Server) handshake(p *pipe) (*tls.Conn, Config, error) {
	var cfg Config
	secure := tls.Server(p, ServerTLS(s.cfg.Key, func(k PublicKey) (err error) {
		cfg, err = s.cfg.Authorize(k)
		return err
	}))
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	err := secure.HandshakeContext(ctx)
	return secure, cfg.withDefaults(), err
}

// admit keeps a session until it ends. A key that was withdrawn in the meantime is refused.
func (s *Server) admit(id pipeID, session *Session) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.pipes[id] = &served{key: session.peer, session: session}
	s.group.Go(func() { s.mind(id, session) })
	s.mu.Unlock()
	// Asked again now that Withdraw finds the session.
	if _, err := s.cfg.Authorize(session.peer); err != nil {
		return &UnauthorizedError{Key: session.peer, Cause: err}
	}
	return nil
}

// mind abandons a session that stays without a transport, and forgets it when it ends.
func (s *Server) mind(id pipeID, session *Session) {
	p := session.pipe
	for p.failure() == nil {
		select {
		case <-p.done:
		case <-p.lostNow():
			s.waitBack(session)
		}
	}
	<-session.done
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pipes, id)
}

func (s *Server) waitBack(session *Session) {
	timer := time.NewTimer(session.cfg.Abandon)
	defer timer.Stop()
	select {
	case <-session.pipe.done:
	case <-session.pipe.backNow():
	case <-timer.C:
		session.pipe.abandon()
	}
}

var errBadProof = errors.New("resume: the proof is wrong")

// resume lets a client go on with its pipe if it knows the pipe's secret.
func (s *Server) resume(conn net.Conn, h hello, w welcome) error {
	s.mu.Lock()
	v := s.pipes[h.id]
	s.mu.Unlock()
	if v == nil || v.session.Err() != nil {
		w.status = statusUnknown
		_, _ = conn.Write(w.append(nil))
		return ErrForgotten
	}
	p := v.session.pipe
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
	if !hmac.Equal(got[:], proof(p.secretNow(), h, w)) {
		return errBadProof
	}
	// The former transport must not take in more bytes than the client is told of.
	received, claim := p.claim()
	if _, err := conn.Write(appendResumed(nil, received)); err != nil {
		return err
	}
	return p.attach(conn, h.received, claim)
}
