package agent

import (
	"slices"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// Apply takes the operator's word.
func (a *Agent) Apply(d control.Desired) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.signal.Notify()
	if a.ending {
		return
	}
	if d.Draining && len(d.Ports) == 0 {
		d.Ports = a.desired.Ports
	}
	if d.Draining && len(d.Clients) == 0 {
		d.Clients = a.desired.Clients
	}
	a.desired = d
	a.applyPorts(d.Ports)
	a.applyClients(d.Clients)
	for _, c := range a.clients {
		c.let(!d.Draining)
	}
	switch {
	case d.Draining && a.drain == nil:
		a.drain = a.startDrain(time.Duration(d.DrainMillis) * time.Millisecond)
	case !d.Draining && a.drain != nil:
		a.drain.stop()
		a.drain = nil
		a.leaving.Store(false)
	}
}

// formerClient is one that is not named any more: for a while its counters are told, which
// the operator puts into the notice of its end.
type formerClient struct {
	state control.ClientState
	since time.Time
}

const formerTold = 5 * time.Second

func (f formerClient) forgotten() bool { return time.Since(f.since) > formerTold }

// applyClients brings the clients to those that are named; the agent's lock is
// held. A client that is not named any more gets no calls from this moment on, and makes
// none; its session says goodbye in a goroutine of its own.
func (a *Agent) applyClients(wanted []control.Client) {
	named := map[tunnel.PublicKey]bool{}
	for _, w := range wanted {
		named[w.Key] = true
		if known := a.clients[w.Key]; known != nil {
			known.update(w)
		} else {
			a.clients[w.Key] = newClient(a, w)
		}
	}
	a.former = slices.DeleteFunc(a.former, formerClient.forgotten)
	for key, known := range a.clients {
		if !named[key] {
			delete(a.clients, key)
			known.let(false)
			last := known.observe()
			last.Counters.Active = 0 // nothing of it is waited for
			a.former = append(a.former, formerClient{control.ClientState{Intercept: last.Intercept, Seen: last.Seen, Counters: last.Counters}, time.Now()})
			a.group.Go(func() {
				a.reconsider()
				a.tunnel.Withdraw(key)
			})
		}
	}
}

// Observe gives the present state.
func (a *Agent) Observe() control.Observed {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := control.Observed{Generation: a.desired.Generation, Twin: a.twin.state(), Clients: []control.ClientState{}}
	o.Listening, o.Failures = a.observePorts()
	for _, c := range a.desired.Clients {
		if known := a.clients[c.Key]; known != nil {
			o.Clients = append(o.Clients, known.observe())
		}
	}
	for _, f := range a.former {
		if !f.forgotten() {
			o.Clients = append(o.Clients, f.state)
		}
	}
	if a.drain != nil {
		o.Drained, o.Cut = a.drain.result()
	}
	o.RememberedMillis = a.resets.remembered(a.cfg.times.forget).Milliseconds()
	return o
}

// Changed is closed at the next change.
func (a *Agent) Changed() <-chan struct{} { return a.signal.Changed() }

// route gives the client whose port it is, and its session if that takes calls now.
func (a *Agent) route(servicePort int32) (c *client, session *tunnel.Session, gone <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, info := range a.desired.Clients {
		known := a.clients[info.Key]
		if known == nil || !slices.Contains(info.Ports, servicePort) {
			continue
		}
		if c == nil {
			c = known
		}
		if a.drain != nil || a.ending {
			return c, nil, nil
		}
		if session, gone := known.takes(servicePort); session != nil {
			return known, session, gone
		}
	}
	return c, nil, nil
}
