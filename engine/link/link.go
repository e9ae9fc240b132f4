// Package link joins a session's tunnel to its sandbox: calls that the agent
// hands over go to the debuggee, and the debuggee's calls go out of the pod.
//
// It imports engine, engine/tunnel and protocol.
package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Link is the workstation's end of one session's tunnel. Its goroutine keep runs
// from Connect until Close: when a tunnel ends (the agent was replaced), it makes
// another one, until that has failed for the length of the lease. Each stream's
// handler runs in a goroutine of the tunnel, ended with the stream.
type Link struct {
	key tunnel.PrivateKey
	cfg engine.LinkConfig
	log *slog.Logger

	ctx    context.Context // ended by Close
	cancel context.CancelFunc
	kept   chan struct{} // closed when keep has ended; nil before Connect

	lost     chan struct{}
	lostOnce sync.Once
	lostErr  error

	mu      sync.Mutex
	session *tunnel.Session
	serve   *serveStream
	want    []int // what Serve asked for last, for a new tunnel
	changed chan struct{}

	// calls are their streams; byRequest, those of them that may rest.
	connections, calls, byRequest, in, out atomic.Int64
	// told are the agent's counters, of its last answer.
	told struct{ origin, requests, active atomic.Int64 }

	domain atomic.Pointer[clusterNames]
	routes routes
	ranges atomic.Pointer[[]netip.Prefix]

	followers sync.WaitGroup // one per mount that is kept up to date
}

// New makes a link with a key pair of its own.
func New(cfg engine.LinkConfig, log *slog.Logger) (*Link, error) {
	routes, err := parseRoutes(cfg)
	if err != nil {
		return nil, err
	}
	key, err := tunnel.GenerateKey()
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeTunnelFailed, "no key for the session: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Link{
		key: key, cfg: cfg, routes: routes, log: log, ctx: ctx, cancel: cancel,
		lost: make(chan struct{}), changed: make(chan struct{}),
	}, nil
}

// PublicKey is the session's key, as the Intercept names it.
func (l *Link) PublicKey() string { return string(l.key.Public()) }

// Connect attaches to the agent. The port-forward may be refused for a moment
// after the operator has granted it: the API server's RBAC follows by watch.
func (l *Link) Connect(ctx context.Context, agent func(context.Context) (engine.AgentInfo, error), dial func(context.Context) (io.ReadWriteCloser, error)) error {
	if _, err := agent(ctx); err != nil {
		return err
	}
	session, err := l.dialUntil(ctx, agent, dial)
	if err != nil {
		return err
	}
	l.adopt(session)
	l.kept = make(chan struct{})
	go l.keep(agent, dial, session)
	return nil
}

// whichAgent tells the agent that there is now: one that was made anew has another key.
type whichAgent = func(context.Context) (engine.AgentInfo, error)

func (l *Link) dialUntil(ctx context.Context, agent whichAgent, dial tunnel.Dialer) (*tunnel.Session, error) {
	delay := 20 * time.Millisecond
	for {
		session, err := l.dial(ctx, agent, dial)
		if err == nil {
			return session, nil
		}
		if ctx.Err() != nil {
			return nil, protocol.Errorf(protocol.CodeTunnelFailed, "no tunnel to the agent: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, time.Second)
	}
}

func (l *Link) dial(ctx context.Context, agent whichAgent, dial tunnel.Dialer) (*tunnel.Session, error) {
	info, err := agent(ctx)
	if err != nil {
		return nil, err
	}
	peer, err := tunnel.ParsePublicKey(info.Key)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeTunnelFailed, "the agent's key: %w", err)
	}
	l.learnRanges(info.Networks)
	return tunnel.Dial(ctx, tunnel.ClientConfig{
		Config: tunnel.Config{Handler: l.handle, Log: l.log, Abandon: l.cfg.Lease, OnAttached: l.cfg.Attached},
		Key:    l.key, Peer: peer, Dial: dial,
	})
}

func (l *Link) adopt(session *tunnel.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session, l.serve = session, nil
	close(l.changed)
	l.changed = make(chan struct{})
}

// keep replaces a tunnel that has ended.
func (l *Link) keep(agent whichAgent, dial tunnel.Dialer, session *tunnel.Session) {
	defer close(l.kept)
	for {
		select {
		case <-l.ctx.Done():
			_ = session.Close()
			return
		case <-session.Done():
		}
		cause := session.Err()
		l.cfg.Attached(false)
		if errors.Is(cause, tunnel.ErrAbandoned) || l.ctx.Err() != nil {
			l.lose(cause)
			return
		}
		ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Lease)
		next, err := l.dialUntil(ctx, agent, dial)
		cancel()
		if err != nil {
			l.lose(errors.Join(cause, err))
			return
		}
		session = next
		l.adopt(session)
		l.cfg.Attached(true)
		l.again()
	}
}

// again tells a new tunnel's agent what the former one was told.
func (l *Link) again() {
	l.mu.Lock()
	want := l.want
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, 2*time.Second)
	defer cancel()
	if err := l.Serve(ctx, want); err != nil {
		l.log.Debug("serve after reconnecting", "error", err)
	}
}

func (l *Link) lose(err error) {
	l.lostOnce.Do(func() {
		l.lostErr = err
		close(l.lost)
	})
}

// Lost is closed when the tunnel can't be had any more.
func (l *Link) Lost() <-chan struct{} { return l.lost }

// LostError says why, once Lost is closed.
func (l *Link) LostError() error { return l.lostErr }

// current is the tunnel, as soon as there is one.
func (l *Link) current(ctx context.Context) (*tunnel.Session, error) {
	for {
		l.mu.Lock()
		session, changed := l.session, l.changed
		l.mu.Unlock()
		if session != nil {
			return session, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("no tunnel yet: %w", ctx.Err())
		case <-l.ctx.Done():
			return nil, net.ErrClosed
		}
	}
}

// Traffic counts what reached the session.
func (l *Link) Traffic() protocol.Traffic {
	return protocol.Traffic{
		Connections: l.connections.Load(), Origin: l.told.origin.Load(), Requests: l.told.requests.Load(), Active: l.active(),
		BytesIn: l.in.Load(), BytesOut: l.out.Load(),
	}
}

// active is what is under way. Only the agent knows which connections rest between
// two requests; once nothing is served here any more it has ended those.
func (l *Link) active() int64 {
	l.mu.Lock()
	serving := len(l.want) > 0
	l.mu.Unlock()
	open := l.calls.Load()
	if !serving {
		return open
	}
	byRequest := l.byRequest.Load()
	whole := open - byRequest
	return whole + min(byRequest, max(0, l.told.active.Load()-whole))
}

// Close ends the tunnel. It may be called twice.
func (l *Link) Close() error {
	l.cancel()
	if l.kept != nil {
		<-l.kept
	}
	l.followers.Wait()
	return nil
}
