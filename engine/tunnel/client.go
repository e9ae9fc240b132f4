package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
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

// handshakeTimeout bounds greeting and TLS handshake on a new transport.
const handshakeTimeout = 10 * time.Second

// Dial makes a tunnel and returns when it is attached. Afterwards a goroutine
// (redial) keeps it attached until the session ends. Errors: an
// *UnauthorizedError, a *VersionError, or a *DialError.
func Dial(ctx context.Context, cfg ClientConfig) (*Session, error) {
	cfg.Config = cfg.withDefaults()
	conn, err := cfg.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("tunnel: %w", &DialError{err})
	}
	s, err := begin(ctx, cfg, conn)
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return nil, fmt.Errorf("tunnel: %w", err)
	}
	go s.redial(cfg)
	s.pipe.observe(cfg.OnAttached)
	return s, nil
}

// begin makes a session on a new transport.
func begin(ctx context.Context, cfg ClientConfig, conn io.ReadWriteCloser) (*Session, error) {
	// Everything here waits for the connection.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	w, err := greet(conn, hello{major: versionMajor, minor: versionMinor})
	if err != nil {
		return nil, err
	}
	p := newPipe(w.id, cfg.timing())
	if err := p.attach(conn, 0, 0); err != nil {
		return nil, err
	}
	s, err := secure(ctx, cfg, p)
	if err != nil {
		p.fail(err)
		return nil, err
	}
	return s, nil
}

func secure(ctx context.Context, cfg ClientConfig, p *pipe) (*Session, error) {
	conn := tls.Client(p, ClientTLS(cfg.Key, cfg.Peer))
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.fail(ctx.Err()) })
	defer stop()
	err := conn.HandshakeContext(ctx)
	if err == nil {
		// TLS 1.3 tells a client that it was refused only afterwards: the server's first byte says that it was not.
		err = confirm(conn)
	}
	if err != nil {
		return nil, handshakeError(err, cfg.Key.Public())
	}
	return newSession(cfg.Config, p, conn, true)
}

func confirm(conn *tls.Conn) error {
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
func handshakeError(err error, own PublicKey) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return &UnauthorizedError{Key: own, Cause: err}
	}
	return err
}

// greet says hello and reads the answer.
func greet(conn io.ReadWriteCloser, h hello) (welcome, error) {
	stop := bounded(conn, handshakeTimeout)
	defer stop()
	if _, err := conn.Write(h.append(nil)); err != nil {
		return welcome{}, fmt.Errorf("hello: %w", err)
	}
	w, err := readWelcome(conn)
	switch {
	case err != nil:
		return w, err
	case w.status == statusVersion || w.major != versionMajor:
		return w, &VersionError{Ours: versionMajor, Theirs: w.major}
	case w.status == statusUnknown:
		return w, ErrForgotten
	case (w.status == statusResume) != (h.id != pipeID{}):
		return w, errNotTunnel
	}
	return w, nil
}

// bounded closes a transport that does not finish its greeting in time.
func bounded(conn io.Closer, d time.Duration) (stop func() bool) {
	return time.AfterFunc(d, func() { _ = conn.Close() }).Stop
}
