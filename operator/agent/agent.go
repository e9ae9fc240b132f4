package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// Config is what an agent is started with.
type Config struct {
	Key      tunnel.PrivateKey
	Operator tunnel.PublicKey
	// Control takes the operator, Tunnel the engines.
	Control, Tunnel net.Listener
	// Upgrade takes engines by HTTP upgrade; nil when it is not wanted.
	Upgrade net.Listener
	// Twin takes the twin; nil when there is none.
	Twin net.Listener
	Log  *slog.Logger
	// Ports are handed on to the origin until the operator has spoken.
	Ports []control.Port
	// Resolver is the path of the pod's resolv.conf; "" = /etc/resolv.conf.
	Resolver string

	times times // zero fields mean the defaults
}

// times are the agent's patience.
type times struct {
	// accept is how long an attached workstation may take to accept a call.
	accept time.Duration
	// origin bounds the dial to the origin, dial a dial for the workstation.
	origin, dial time.Duration
	// quiet is after how long without a byte an answered call counts as idle.
	quiet time.Duration
	// part is how long an end in good order is waited for.
	part time.Duration
	// linger is how long a deleted pod goes on to take calls, until all nodes have
	// learned that it is no endpoint any more; finish bounds the rest of its end.
	linger, finish time.Duration
	// forget is how long a node remembers a connection that was reset.
	forget time.Duration
}

func (t times) withDefaults() times {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	set(&t.accept, 2*time.Second)
	set(&t.origin, 5*time.Second)
	set(&t.dial, 30*time.Second)
	set(&t.quiet, 250*time.Millisecond)
	set(&t.part, 100*time.Millisecond)
	set(&t.linger, 2*time.Second)
	set(&t.finish, 3*time.Second)
	set(&t.forget, control.ResetMemory)
	return t
}

// Agent is the data plane of one Service. Goroutines: Run's own (control, tunnel,
// twin, tick), an accept loop per port, one per call besides those of its
// Splice or conversation, one per draining, and the handlers of the tunnel's streams. All end with Run.
type Agent struct {
	cfg      Config
	tunnel   *tunnel.Server
	twin     *twinHub
	signal   control.Signal
	calls    calls
	resets   resets
	outgoing atomic.Int64
	// leaving: the pod is about to go, and callers are told with each answer.
	leaving atomic.Bool

	ctx    context.Context // ends with Run
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	desired control.Desired
	ports   map[portKey]*port
	clients map[tunnel.PublicKey]*client
	former  []formerClient
	drain   *drain // nil unless draining
	ending  bool   // the pod is being deleted: nothing of the workstation's begins any more
}

// New makes an agent; Run starts it.
func New(cfg Config) *Agent {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Resolver == "" {
		cfg.Resolver = "/etc/resolv.conf"
	}
	cfg.times = cfg.times.withDefaults()
	a := &Agent{cfg: cfg, ports: map[portKey]*port{}, clients: map[tunnel.PublicKey]*client{}, twin: newTwinHub(cfg.Twin != nil)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.tunnel = tunnel.NewServer(tunnel.ServerConfig{Key: cfg.Key, Log: cfg.Log, Authorize: a.authorize, OnSession: a.onSession})
	return a
}

// Run serves until ctx ends, hands over what it has, and returns when nothing is
// left. It is called once.
func (a *Agent) Run(ctx context.Context) error {
	defer a.cancel()
	failed := make(chan error, 4)
	start := func(what string, serve func() error) {
		a.group.Go(func() {
			if err := serve(); err != nil {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	start("control", func() error {
		return control.ServeLogged(a.ctx, a.cfg.Control, a.cfg.Key, a.cfg.Operator, a, a.cfg.Log)
	})
	start("tunnel", func() error { return a.tunnel.Serve(a.cfg.Tunnel) })
	if a.cfg.Upgrade != nil {
		start("upgrade", func() error { return a.tunnel.Serve(tunnel.UpgradeListener(a.cfg.Upgrade)) })
	}
	if a.cfg.Twin != nil {
		start("twin", func() error { return a.twin.serve(a.ctx, a.cfg.Twin, a.cfg.Log, a.signal.Notify) })
	}
	a.beginPorts()
	a.group.Go(func() { a.tick(a.ctx) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.finish()
	a.cancel()
	_ = a.tunnel.Close()
	a.group.Wait()
	return err
}

// tick tells counters and the time that clients have been away, and tries ports
// again that could not be listened on, once a second.
func (a *Agent) tick(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.mu.Lock()
			if !a.ending {
				a.applyPorts(a.desired.Ports)
			}
			a.mu.Unlock()
			a.signal.Notify()
		}
	}
}

var (
	errNotNamed = errors.New("the operator has not named it")
	errOver     = errors.New("its intercept has ended")
)

// authorize gives a named client its session's configuration. When the Intercept is
// gone, a client stays named for the sake of the last calls to it: it gets no new session,
// and nothing of the cluster by the one that it has.
func (a *Agent) authorize(key tunnel.PublicKey) (tunnel.Config, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.clients[key]
	if c == nil {
		return tunnel.Config{}, errNotNamed
	}
	if a.desired.Draining {
		return tunnel.Config{}, errOver
	}
	return tunnel.Config{Handler: c.handle, Log: a.cfg.Log, Abandon: c.lease(), OnAttached: c.attachedChanged}, nil
}

func (a *Agent) onSession(s *tunnel.Session) {
	a.mu.Lock()
	c := a.clients[s.Peer()]
	a.mu.Unlock()
	former := s
	if c != nil {
		former = c.adopt(s)
		a.reconsider()
	}
	if former != nil {
		a.group.Go(func() { _ = former.Close() })
	}
	a.signal.Notify()
}
