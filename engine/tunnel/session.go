package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
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
	// OnAttached is called on each change, in order and one call at a time. It should
	// return soon. A change back and forth meanwhile is not told.
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

// Stats are counters of a session, for people.
type Stats struct {
	// RTT is the time that the last heartbeat took there and back; 0 until then.
	RTT time.Duration
	// Sent and Received count the pipe's bytes: TLS records, each once.
	Sent, Received uint64
	// Unacknowledged is how many of the sent ones are kept for a new transport.
	Unacknowledged int
	// Transports counts the connections that have carried the session.
	Transports int
}

// Session is a tunnel that is up. Goroutines: accept takes the far side's
// streams, each served by a handler in a goroutine of its own; watch ends the
// session when its pipe ends; on the client, redial (redial.go). Close, or the
// pipe's end, ends them all.
type Session struct {
	cfg  Config
	pipe *pipe
	mux  *yamux.Session
	peer PublicKey

	ctx    context.Context // ended with the session
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
	build := yamux.Server
	if client {
		build = yamux.Client
	}
	mux, err := build(newMuxConn(conn), muxConfig())
	if err != nil {
		return nil, fmt.Errorf("multiplexer: %w", err)
	}
	p.protect(secret, cfg.timing())
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{cfg: cfg, pipe: p, mux: mux, peer: peer, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	s.group.Go(s.accept)
	go s.watch()
	return s, nil
}

var errBrokenMux = errors.New("tunnel: the far side broke the multiplexer's protocol")

// watch waits for the pipe's end, and then for everything that used it.
func (s *Session) watch() {
	select {
	case <-s.pipe.done:
	case <-s.mux.CloseChan():
		s.pipe.breakOff(errBrokenMux)
		<-s.pipe.done
	}
	s.cancel()
	_ = s.mux.Close()
	close(s.done)
	s.group.Wait()
}

// Peer is the far side's key.
func (s *Session) Peer() PublicKey { return s.peer }

// Attached tells whether the far side can be reached now.
func (s *Session) Attached() bool { return s.pipe.isAttached() }

// Done is closed when the session has ended; Err tells why.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is nil while the session lives, then ErrClosed, ErrAbandoned, ErrForgotten
// or another error.
func (s *Session) Err() error { return s.pipe.failure() }

// Stats tells how the session is doing.
func (s *Session) Stats() Stats { return s.pipe.statsNow() }

// Close says goodbye and ends the session. It waits until nothing of it runs
// but the handlers, and may be called twice.
func (s *Session) Close() error {
	err := s.pipe.Close()
	<-s.done
	return err
}
