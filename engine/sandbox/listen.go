package sandbox

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// How often a port is looked at: quickly while a listener is awaited, because the
// switch waits for it; slower once it is there; and slower for a session that has
// done nothing for long.
const (
	pollAwaiting = 15 * time.Millisecond
	pollIdle     = 100 * time.Millisecond
	pollSettled  = 100 * time.Millisecond
	idleAfter    = 2 * time.Minute
)

// portState is who listens on a port and where.
type portState struct {
	Listening
	// addr is the address to dial for the session's own listener.
	addr netip.Addr
	// bound is what it listens on.
	bound netip.Addr
}

// portFinder looks at listeners. find is called with the last state, so that
// nothing is searched again while nothing has changed.
type portFinder interface {
	find(port int, tree func() []int, last *foundPort) foundPort
}

// portWatch holds the known states of the watched ports.
//
// It has no goroutine of its own; each watch has one, which ends with its context
// or with the sandbox.
type portWatch struct {
	finder portFinder
	tree   func() []int

	mu     sync.Mutex
	known  map[int]foundPort
	counts map[int]int
	// kicked is closed and replaced when the tree changes.
	kicked  chan struct{}
	changed time.Time
}

func newPortWatch(finder portFinder, tree func() []int) *portWatch {
	return &portWatch{
		finder: finder, tree: tree,
		known: map[int]foundPort{}, counts: map[int]int{},
		kicked: make(chan struct{}), changed: time.Now(),
	}
}

// kick tells that a process was started or has ended: look at once.
func (w *portWatch) kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.kicked)
	w.kicked = make(chan struct{})
	w.changed = time.Now()
}

func (w *portWatch) activity() (<-chan struct{}, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kicked, w.changed
}

// watch tells the state of a port now and at each change until ctx or done ends.
func (w *portWatch) watch(ctx context.Context, done <-chan struct{}, port int) <-chan Listening {
	out := make(chan Listening)
	w.mu.Lock()
	w.counts[port]++
	w.mu.Unlock()
	go func() {
		defer close(out)
		defer w.forget(port)
		w.loop(ctx, done, port, out)
	}()
	return out
}

func (w *portWatch) loop(ctx context.Context, done <-chan struct{}, port int, out chan<- Listening) {
	var found foundPort
	var told Listening
	first := true
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		kicked, changed := w.activity()
		found = w.finder.find(port, w.tree, &found)
		w.note(port, found)
		var send chan<- Listening
		if first || found.Listening != told {
			send = out
		}
		timer.Reset(pollInterval(found, changed))
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		case send <- found.Listening:
			told, first = found.Listening, false
		case <-timer.C:
		case <-kicked:
		}
	}
}

func pollInterval(found foundPort, changed time.Time) time.Duration {
	switch {
	case found.PID != 0:
		return pollSettled
	case time.Since(changed) > idleAfter:
		return pollIdle
	default:
		return max(pollAwaiting, 20*found.cost)
	}
}

func (w *portWatch) note(port int, found foundPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts[port] > 0 {
		w.known[port] = found
	}
}

func (w *portWatch) forget(port int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.counts[port]--; w.counts[port] <= 0 {
		delete(w.counts, port)
		delete(w.known, port)
	}
}

// lookup tells the state of a port: the watched one, or a fresh look when it is not
// watched, nobody listened, or fresh is asked for.
func (w *portWatch) lookup(port int, fresh bool) portState {
	w.mu.Lock()
	last, ok := w.known[port]
	w.mu.Unlock()
	if ok && !fresh && last.PID != 0 {
		return last.portState
	}
	found := w.finder.find(port, w.tree, &last)
	w.note(port, found)
	return found.portState
}
