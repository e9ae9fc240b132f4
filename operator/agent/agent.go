package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
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
	// Twin takes the twin; nil when there is none.
	Twin net.Listener
	Log  *slog.Logger
	// Resolver is the path of the pod's resolv.conf; "" = /etc/resolv.conf.
	Resolver string
}

// Agent is the data plane of one Service. Goroutines: Run's own ones (control,
// tunnel, twin, ticker), one per listener, two per connection; all end with Run.
type Agent struct {
	cfg    Config
	tunnel *tunnel.Server
	twin   *twinHub
	signal control.Signal
	conns  connections

	mu      sync.Mutex
	desired control.Desired
	ports   map[int32]*port // by target port
	clients map[tunnel.PublicKey]*client
	drain   *drain // nil unless draining
	closing bool
	group   sync.WaitGroup
}

// New makes an agent; Run starts it.
func New(cfg Config) *Agent {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Resolver == "" {
		cfg.Resolver = "/etc/resolv.conf"
	}
	a := &Agent{cfg: cfg, ports: map[int32]*port{}, clients: map[tunnel.PublicKey]*client{}, twin: newTwinHub(cfg.Twin != nil)}
	a.tunnel = tunnel.NewServer(tunnel.ServerConfig{Key: cfg.Key, Log: cfg.Log, Authorize: a.authorize, OnSession: a.onSession})
	return a
}

// Run serves until ctx ends, drains, and returns when nothing is left.
func (a *Agent) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 3)
	var group sync.WaitGroup
	start := func(what string, f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	start("control", func() error {
		return control.ServeLogged(inner, a.cfg.Control, a.cfg.Key, a.cfg.Operator, a, a.cfg.Log)
	})
	start("tunnel", func() error { return a.tunnel.Serve(a.cfg.Tunnel) })
	if a.cfg.Twin != nil {
		start("twin", func() error { return a.twin.serve(inner, a.cfg.Twin, a.signal.Notify) })
	}
	group.Go(func() { a.tick(inner) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.finish()
	cancel()
	_ = a.tunnel.Close()
	group.Wait()
	a.group.Wait()
	return err
}

// finishTimeout bounds the end of an agent whose pod is deleted.
const finishTimeout = 3 * time.Second

// finish passes new connections to the origin, gives the others a moment, and
// closes the listeners last.
func (a *Agent) finish() {
	a.mu.Lock()
	d := a.drain
	if d == nil {
		d = a.startDrain(finishTimeout)
	}
	a.mu.Unlock()
	<-d.done
	a.mu.Lock()
	a.closing = true
	ports := a.ports
	a.ports = map[int32]*port{}
	a.mu.Unlock()
	for _, p := range ports {
		p.close()
	}
	a.conns.cutAll()
}

// Apply takes the operator's word.
func (a *Agent) Apply(d control.Desired) {
	withdrawn := a.apply(d)
	for _, key := range withdrawn {
		a.tunnel.Withdraw(key)
	}
	a.signal.Notify()
}

func (a *Agent) apply(d control.Desired) (withdrawn []tunnel.PublicKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return nil
	}
	a.desired = d
	a.applyPorts(d.Ports)
	named := map[tunnel.PublicKey]bool{}
	for _, c := range d.Clients {
		named[c.Key] = true
		if known := a.clients[c.Key]; known != nil {
			known.update(c)
		} else {
			a.clients[c.Key] = newClient(a, c)
		}
	}
	for key := range a.clients {
		if !named[key] {
			delete(a.clients, key)
			withdrawn = append(withdrawn, key)
		}
	}
	switch {
	case d.Draining && a.drain == nil:
		a.startDrain(time.Duration(d.DrainMillis) * time.Millisecond)
	case !d.Draining:
		a.drain = nil
	}
	return withdrawn
}

// Observe gives the present state.
func (a *Agent) Observe() control.Observed {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := control.Observed{Generation: a.desired.Generation, Listening: []int32{}, Twin: a.twin.state(), Clients: []control.ClientState{}}
	for target, p := range a.ports {
		if p.err != nil {
			o.Failures = append(o.Failures, control.PortFailure{TargetPort: target, Error: p.err.Error()})
		} else {
			o.Listening = append(o.Listening, target)
		}
	}
	slices.Sort(o.Listening)
	slices.SortFunc(o.Failures, func(x, y control.PortFailure) int { return int(x.TargetPort - y.TargetPort) })
	for _, c := range a.desired.Clients {
		if known := a.clients[c.Key]; known != nil {
			o.Clients = append(o.Clients, known.observe())
		}
	}
	if a.drain != nil {
		select {
		case <-a.drain.done:
			o.Drained, o.Cut = true, a.drain.cut
		default:
		}
	}
	return o
}

// Changed is closed at the next change.
func (a *Agent) Changed() <-chan struct{} { return a.signal.Changed() }

// tick tells counters and the time that clients have been away, once a second.
func (a *Agent) tick(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.signal.Notify()
		}
	}
}

var errNotNamed = errors.New("the operator has not named it")

// authorize gives a named client its session's configuration.
func (a *Agent) authorize(key tunnel.PublicKey) (tunnel.Config, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.clients[key]
	if c == nil {
		return tunnel.Config{}, errNotNamed
	}
	return tunnel.Config{Handler: c.handle, Log: a.cfg.Log, Abandon: c.lease(), OnAttached: c.attachedChanged}, nil
}

func (a *Agent) onSession(s *tunnel.Session) {
	a.mu.Lock()
	c := a.clients[s.Peer()]
	a.mu.Unlock()
	if c == nil {
		a.group.Go(func() { _ = s.Close() })
		return
	}
	if former := c.adopt(s); former != nil {
		a.group.Go(func() { _ = former.Close() })
	}
	a.signal.Notify()
}
