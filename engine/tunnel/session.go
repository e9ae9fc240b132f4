package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// Config is common to both ends. Zero durations mean the defaults.
type Config struct {
	// Handler serves the streams that the far side opens; nil refuses them.
	Handler Handler
	Log     *slog.Logger
	// Heartbeat is the time between signs of life (1 s).
	Heartbeat time.Duration
	// Silence is after how long without any a transport is given up (3 s).
	Silence time.Duration
	// Abandon is how long the session waits for a new transport (60 s).
	Abandon time.Duration
	// OnAttached is called on each change, in order. It must not block.
	OnAttached func(attached bool)
}

func (c Config) withDefaults() Config {
	if c.Heartbeat == 0 {
		c.Heartbeat = time.Second
	}
	if c.Silence == 0 {
		c.Silence = 3 * time.Second
	}
	if c.Abandon == 0 {
		c.Abandon = 60 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) timing() timing { return timing{heartbeat: c.Heartbeat, silence: c.Silence} }

// Session is a tunnel that is up. Goroutines: accept takes the far side's
// streams, each served by a handler in a goroutine of its own; watch ends the
// session when its pipe ends. Close, or the pipe's end, ends them all.
type Session struct {
	cfg  Config
	pipe *pipe
	mux  *yamux.Session
	peer PublicKey

	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	done   chan struct{}
}

// exporterLabel names the secret that a pipe is resumed with (RFC 8446 section 7.5).
const exporterLabel = "EXPORTER-kubetunnel-resume"

// newSession builds what lies on a pipe whose TLS handshake is done.
func newSession(cfg Config, p *pipe, conn *tls.Conn, client bool) (*Session, error) {
	state := conn.ConnectionState()
	peer, err := peerKey(state)
	if err != nil {
		return nil, err
	}
	secret, err := state.ExportKeyingMaterial(exporterLabel, nil, secretSize)
	if err != nil {
		return nil, fmt.Errorf("resume secret: %w", err)
	}
	p.protect(secret)
	build := yamux.Server
	if client {
		build = yamux.Client
	}
	mux, err := build(&coalescer{Conn: conn}, muxConfig())
	if err != nil {
		return nil, fmt.Errorf("multiplexer: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{cfg: cfg, pipe: p, mux: mux, peer: peer, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	s.group.Go(s.accept)
	go s.watch()
	return s, nil
}

// watch waits for the pipe's end, and then for everything that used it.
func (s *Session) watch() {
	select {
	case <-s.pipe.done:
	case <-s.mux.CloseChan():
		s.pipe.fail(errors.New("tunnel: the far side broke the multiplexer's protocol"))
	}
	s.cancel()
	_ = s.mux.Close()
	close(s.done)
	s.group.Wait()
}

func (s *Session) accept() {
	for {
		mux, err := s.mux.AcceptStream()
		if err != nil {
			return
		}
		s.group.Go(func() { s.serve(newTyped(mux, s, false)) })
	}
}

// headerTimeout bounds the wait for a stream's first chunk.
const headerTimeout = 30 * time.Second

func (s *Session) serve(t *typed) {
	_ = t.mux.SetReadDeadline(time.Now().Add(headerTimeout))
	if err := readMessage(t.read.r, chunkHeader, &t.header); err != nil {
		s.cfg.Log.Debug("stream without a header", "error", err)
		_ = t.Close()
		return
	}
	_ = t.mux.SetReadDeadline(time.Time{})
	if s.cfg.Handler == nil {
		_ = t.Refuse(RefusedUnsupported, "no streams are taken here")
		return
	}
	s.cfg.Handler(s.ctx, t)
}

// Open opens a stream. It does not wait for the far side: data may follow at once.
func (s *Session) Open(_ context.Context, h Header) (Stream, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	mux, err := s.mux.OpenStream()
	if err != nil {
		if cause := s.Err(); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("open stream: %w", err)
	}
	t := newTyped(mux, s, true)
	t.header = h
	if err := t.sendMessage(chunkHeader, h); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// Peer is the far side's key.
func (s *Session) Peer() PublicKey { return s.peer }

// Attached tells whether the far side can be reached now.
func (s *Session) Attached() bool { return s.pipe.isAttached() }

// Done is closed when the session has ended; Err tells why.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is nil while the session lives, then ErrClosed, ErrAbandoned or another error.
func (s *Session) Err() error { return s.pipe.failure() }

// Close says goodbye and ends the session. It waits until nothing of it runs
// but the handlers, and may be called twice.
func (s *Session) Close() error {
	err := s.pipe.Close()
	<-s.done
	return err
}

// abandonAfter ends a pipe that has had no transport for d.
func abandonAfter(p *pipe, d time.Duration) *time.Timer {
	return time.AfterFunc(d, func() {
		if !p.isAttached() {
			p.fail(ErrAbandoned)
		}
	})
}

// handshakeTimeout bounds greeting and TLS handshake on a new transport.
const handshakeTimeout = 10 * time.Second

// bounded closes a transport that does not finish its greeting in time.
func bounded(conn io.Closer, d time.Duration) (stop func() bool) {
	return time.AfterFunc(d, func() { _ = conn.Close() }).Stop
}

var _ net.Conn = (*pipe)(nil)
