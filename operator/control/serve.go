package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// maxHandshakes is how many connections may wait that have not shown the operator's
// key yet: anyone in the cluster may reach the control port.
const maxHandshakes = 16

// errFormerTerm: an operator that has lost its leadership, and was asleep meanwhile,
// spoke into its successor's conversation.
var errFormerTerm = errors.New("the operator's term is over")

// Serve answers the operator on listener until ctx ends or the listener fails.
// Only the holder of the operator's key is let in, and of several connections the
// newest: a restarted operator must not wait for its former self's connection to
// time out. But the word of one that has displaced an operator of a later term is not taken. Serve closes the listener and returns when all of its goroutines have
// ended; the error is nil when ctx was the reason.
func Serve(ctx context.Context, listener net.Listener, key tunnel.PrivateKey, operator tunnel.PublicKey, agent Agent) error {
	return ServeLogged(ctx, listener, key, operator, agent, slog.New(slog.DiscardHandler))
}

// ServeLogged is Serve with a logger for refused and lost connections.
func ServeLogged(ctx context.Context, listener net.Listener, key tunnel.PrivateKey, operator tunnel.PublicKey, agent Agent, log *slog.Logger) error {
	config := tunnel.ServerTLS(key, func(k tunnel.PublicKey) error {
		if k != operator {
			return errors.New("not the operator's key")
		}
		return nil
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{agent: agent, config: config, log: log, door: tunnel.NewDoor(maxHandshakes)}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	err := s.accept(ctx, listener)
	cancel()
	_ = listener.Close()
	s.conns.Wait()
	return err
}

// server has one goroutine per connection, ended by the connection's failure, by
// a newer one, or by the context of Serve.
type server struct {
	agent  Agent
	config *tls.Config
	log    *slog.Logger
	door   *tunnel.Door
	conns  sync.WaitGroup

	mu     sync.Mutex
	newest *talk
}

// talk is one authorized connection; done is closed when it has ended.
type talk struct {
	conn net.Conn
	done chan struct{}
	// term is the latest that was spoken in, or that this connection has displaced. It is
	// its goroutine's until done is closed.
	term int64
}

func (m *talk) admit(d *Desired) error {
	if d.Term < m.term {
		return fmt.Errorf("%w: %d, of %d", errFormerTerm, d.Term, m.term)
	}
	m.term = d.Term
	return nil
}

func (s *server) accept(ctx context.Context, listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() {
				// Out of file descriptors, say: the listener itself is sound.
				wait(ctx, 50*time.Millisecond)
				continue
			}
			return fmt.Errorf("accept on control port: %w", err)
		}
		s.door.Enter(conn)
		s.conns.Go(func() { s.handle(ctx, conn) })
	}
}

func (s *server) handle(ctx context.Context, raw net.Conn) {
	conn := tls.Server(raw, s.config)
	shake, cancel := context.WithTimeout(ctx, handshakeTimeout)
	err := conn.HandshakeContext(shake)
	cancel()
	s.door.Leave(raw)
	if err != nil {
		s.log.Warn("refused a control connection", "from", raw.RemoteAddr().String(), "error", err)
		_ = raw.Close()
		return
	}
	me := &talk{conn: raw, done: make(chan struct{})}
	defer close(me.done)
	s.takeOver(me)
	s.log.Info("operator connected", "from", raw.RemoteAddr().String())
	err = converse(ctx, conn, s.observed(), func(f frame) error {
		if f.Desired == nil {
			return nil
		}
		if err := me.admit(f.Desired); err != nil {
			return err
		}
		s.agent.Apply(*f.Desired)
		return nil
	})
	s.log.Info("operator's connection ended", "from", raw.RemoteAddr().String(), "reason", err)
}

// takeOver ends the former connection and waits for its last Apply.
func (s *server) takeOver(me *talk) {
	s.mu.Lock()
	former := s.newest
	s.newest = me
	s.mu.Unlock()
	if former == nil {
		return
	}
	select {
	case <-former.done:
		// Terms begin anew with a new Lease: only who is there is compared with.
	default:
		_ = former.conn.Close()
		<-former.done
		me.term = former.term
	}
}

// observed sends the agent's state when it differs from what was said last.
func (s *server) observed() source {
	var last *Observed
	return source{
		changed: s.agent.Changed,
		next: func() (frame, bool) {
			now := s.agent.Observe()
			if last != nil && reflect.DeepEqual(*last, now) {
				return frame{}, false
			}
			last = &now
			return frame{Observed: &now}, true
		},
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
