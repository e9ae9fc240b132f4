package control

import "sync"

// Agent is what Serve speaks for. Its methods are called from several goroutines,
// must not block, and Apply is never called concurrently with itself.
type Agent interface {
	// Apply takes the operator's word. It replaces the former one whole and holds
	// until the next: also while the operator is away. After a Desired with
	// Draining set, one without it means to go on as before the draining.
	Apply(Desired)
	// Observe gives the present state; its Generation is that of the last Desired
	// that has been carried out.
	Observe() Observed
	// Changed gives a channel that is closed at the next change after this call.
	// Serve asks for it before it calls Observe, so nothing is missed. A Signal is one.
	Changed() <-chan struct{}
}

// Signal tells any number of waiters that something has changed. The zero value is ready.
type Signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// Changed gives a channel that is closed at the next Notify.
func (s *Signal) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// Notify wakes everyone who waits now.
func (s *Signal) Notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
