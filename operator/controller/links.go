package controller

import (
	"context"
	"net"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// links are the control channels, one for each intercepted Service. Each has the
// goroutines of a control.Link, which end when the channel is dropped or links closed.
type links struct {
	key  tunnel.PrivateKey
	term int64
	// changed is called when a channel has news. It must not block.
	changed func(types.NamespacedName)
	// dial replaces the ordinary dialer, for tests.
	dial control.DialFunc

	mu     sync.Mutex
	closed bool
	open   map[types.NamespacedName]*openLink
}

// onlyWhile dials for the one who leads: an agent listens to whoever came last, and what
// a former leader has to say may be old.
func onlyWhile(leading func() bool, dial control.DialFunc) control.DialFunc {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !leading() {
			return nil, errNotLeading
		}
		return dial(ctx, network, address)
	}
}

type openLink struct {
	plan LinkPlan
	link *control.Link
}

func newLinks(key tunnel.PrivateKey, term int64, dial control.DialFunc, changed func(types.NamespacedName)) *links {
	return &links{key: key, term: term, dial: dial, changed: changed, open: map[types.NamespacedName]*openLink{}}
}

// state is what is known of a Service's channel.
func (l *links) state(key types.NamespacedName) LinkState {
	l.mu.Lock()
	o := l.open[key]
	l.mu.Unlock()
	if o == nil {
		return LinkState{}
	}
	return LinkState{State: o.link.State(), Pod: o.plan.Pod, Desired: o.link.Desired()}
}

// keep brings a Service's channel to what is planned; nil drops it.
func (l *links) keep(key types.NamespacedName, plan *LinkPlan) {
	l.mu.Lock()
	o := l.open[key]
	stale := o != nil && (plan == nil || o.plan.Pod != plan.Pod || o.plan.Address != plan.Address || o.plan.Peer != plan.Peer)
	if stale {
		delete(l.open, key)
	}
	var fresh *openLink
	if plan != nil && (o == nil || stale) && !l.closed {
		fresh = &openLink{plan: *plan, link: control.Dial(control.Options{
			Address: plan.Address, Key: l.key, Term: l.term, Peer: plan.Peer, Dial: l.dial,
			Changed: func() { l.changed(key) },
		})}
		l.open[key] = fresh
	}
	l.mu.Unlock()
	if stale {
		o.link.Close()
	}
	if fresh != nil {
		o = fresh
	}
	if plan != nil && o != nil && plan.Desired != nil {
		o.link.Set(*plan.Desired)
	}
}

// close ends all channels; later ones are not opened.
func (l *links) close() {
	l.mu.Lock()
	l.closed = true
	open := l.open
	l.open = map[types.NamespacedName]*openLink{}
	l.mu.Unlock()
	for _, o := range open {
		o.link.Close()
	}
}
