package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// Dialer makes one transport to the agent, such as a port-forward.
type Dialer func(ctx context.Context) (io.ReadWriteCloser, error)

// ClientConfig is the engine's end.
type ClientConfig struct {
	Config
	Key  PrivateKey
	Peer PublicKey
	Dial Dialer
}

// Dial makes a tunnel and returns when it is attached. Afterwards a goroutine
// (redial) keeps it attached until the session ends. Errors: an
// *UnauthorizedError, a *VersionError, or the dialer's.
func Dial(ctx context.Context, cfg ClientConfig) (*Session, error) {
	cfg.Config = cfg.withDefaults()
	conn, err := cfg.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("tunnel: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	w, err := greet(conn, hello{major: versionMajor, minor: versionMinor})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("tunnel: %w", err)
	}
	p := newPipe(w.id, cfg.timing(), cfg.OnAttached)
	if err := p.attach(conn, 0); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("tunnel: %w", err)
	}
	secure := tls.Client(p, ClientTLS(cfg.Key, cfg.Peer))
	if err := secure.HandshakeContext(ctx); err != nil {
		p.fail(err)
		return nil, fmt.Errorf("tunnel: %w", handshakeError(err))
	}
	// TLS 1.3 tells a client that it was refused only afterwards: the server's first byte says that it was not.
	if err := confirm(ctx, secure); err != nil {
		p.fail(err)
		return nil, fmt.Errorf("tunnel: %w", handshakeError(err))
	}
	s, err := newSession(cfg.Config, p, secure, true)
	if err != nil {
		p.fail(err)
		return nil, fmt.Errorf("tunnel: %w", err)
	}
	go s.redial(cfg)
	return s, nil
}

func confirm(ctx context.Context, conn *tls.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	var b [1]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return err
	}
	if b[0] != confirmed {
		return errNotTunnel
	}
	return nil
}

// handshakeError gives a refused key as what it is: TLS says no more than that
// the server sent an alert, and the only thing it can object to is the key.
func handshakeError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return &UnauthorizedError{Key: "of this end", Cause: err}
	}
	return err
}

// greet says hello and reads the answer.
func greet(conn io.ReadWriteCloser, h hello) (welcome, error) {
	stop := bounded(conn, handshakeTimeout)
	defer stop()
	if _, err := conn.Write(h.append(nil)); err != nil {
		return welcome{}, err
	}
	w, err := readWelcome(conn)
	switch {
	case err != nil:
		return w, err
	case w.status == statusVersion || w.major != versionMajor:
		return w, &VersionError{Ours: versionMajor, Theirs: w.major}
	case w.status == statusUnknown:
		return w, errUnknownPipe
	case (w.status == statusResume) != (h.id != pipeID{}):
		return w, errNotTunnel
	}
	return w, nil
}

// prove shows that the client knows the pipe's secret, and learns what the server has.
func prove(conn io.ReadWriteCloser, secret []byte, h hello, w welcome) (received uint64, err error) {
	stop := bounded(conn, handshakeTimeout)
	defer stop()
	if _, err := conn.Write(proof(secret, h, w)); err != nil {
		return 0, err
	}
	return readResumed(conn)
}

var errUnknownPipe = errors.New("tunnel: the far side does not know this session any more")

const (
	redialFirst = 50 * time.Millisecond
	redialLast  = 2 * time.Second
)

// redial makes a new transport whenever the present one is lost, until the
// session ends: at once first, then with growing pauses, for as long as Abandon.
func (s *Session) redial(cfg ClientConfig) {
	for {
		select {
		case <-s.done:
			return
		case <-s.pipe.lostNow():
		}
		if s.Err() != nil {
			return
		}
		timer := abandonAfter(s.pipe, cfg.Abandon)
		s.reattach(cfg)
		timer.Stop()
	}
}

func (s *Session) reattach(cfg ClientConfig) {
	pause := redialFirst
	for s.Err() == nil && !s.pipe.isAttached() {
		err := s.resume(cfg)
		if err == nil {
			return
		}
		if errors.Is(err, errUnknownPipe) {
			s.pipe.fail(err)
			return
		}
		cfg.Log.Debug("tunnel: reconnect", "error", err)
		select {
		case <-s.pipe.done:
		case <-time.After(pause + rand.N(pause/2)): //nolint:gosec // jitter
		}
		pause = min(2*pause, redialLast)
	}
}

func (s *Session) resume(cfg ClientConfig) error {
	ctx, cancel := context.WithTimeout(s.ctx, handshakeTimeout)
	defer cancel()
	conn, err := cfg.Dial(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	p := s.pipe
	p.mu.Lock()
	h := hello{major: versionMajor, minor: versionMinor, id: p.id, received: p.received}
	secret := p.secret
	p.mu.Unlock()
	w, err := greet(conn, h)
	var received uint64
	if err == nil {
		received, err = prove(conn, secret, h, w)
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err == nil {
		err = p.attach(conn, received)
	}
	if err != nil {
		_ = conn.Close()
	}
	return err
}
