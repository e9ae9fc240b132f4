package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

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
		timer := time.AfterFunc(cfg.Abandon, s.pipe.abandon)
		s.reattach(cfg)
		timer.Stop()
	}
}

// reattach tries until the pipe is attached or has ended.
func (s *Session) reattach(cfg ClientConfig) {
	pause := redialFirst
	for s.Err() == nil && !s.pipe.isAttached() {
		err := s.resume(cfg)
		if err == nil {
			return
		}
		var version *VersionError
		if errors.Is(err, ErrForgotten) || errors.As(err, &version) {
			s.pipe.fail(err)
			return
		}
		cfg.Log.Debug("tunnel: reconnect", "error", err, "pause", pause)
		select {
		case <-s.pipe.done:
		case <-time.After(pause + rand.N(pause/2)): //nolint:gosec // jitter
		}
		pause = min(2*pause, redialLast)
	}
}

// resume makes one transport and goes on with the pipe over it.
func (s *Session) resume(cfg ClientConfig) error {
	ctx, cancel := context.WithTimeout(s.ctx, handshakeTimeout)
	defer cancel()
	conn, err := cfg.Dial(ctx)
	if err != nil {
		return &DialError{err}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	received, claim, err := s.proveOn(conn)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = s.pipe.attach(conn, received, claim)
	}
	if err != nil {
		_ = conn.Close()
	}
	return err
}

// proveOn shows on a new transport that this is the pipe's client, and learns
// what the server has.
func (s *Session) proveOn(conn io.ReadWriteCloser) (received, claim uint64, err error) {
	h := hello{major: versionMajor, minor: versionMinor, id: s.pipe.id}
	h.received, claim = s.pipe.claim()
	w, err := greet(conn, h)
	if err != nil {
		return 0, 0, err
	}
	received, err = prove(conn, s.pipe.secretNow(), h, w)
	return received, claim, err
}

func prove(conn io.ReadWriteCloser, secret []byte, h hello, w welcome) (received uint64, err error) {
	stop := bounded(conn, handshakeTimeout)
	defer stop()
	if _, err := conn.Write(proof(secret, h, w)); err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	return readResumed(conn)
}
