package rpc

import (
	"context"
	"net"
	"sync"
)

// note is a notification on its way out.
type note struct {
	method   string
	params   any
	optional bool
}

// queueLimit is how far the far side may lag before optional notes are left out.
const queueLimit = 1000

// queue keeps notifications in order, so that whoever tells something never
// waits for an editor that does not read. Its goroutine, send, ends with the connection.
type queue struct {
	mu      sync.Mutex
	notes   []note
	busy    bool
	over    bool
	changed chan struct{}
	idle    chan struct{} // closed and replaced each time the queue has run empty
	done    chan struct{}
}

func newQueue() *queue {
	return &queue{changed: make(chan struct{}, 1), idle: make(chan struct{}), done: make(chan struct{})}
}

func (q *queue) put(n note) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return net.ErrClosed
	}
	if n.optional && len(q.notes) >= queueLimit {
		return nil
	}
	q.notes = append(q.notes, n)
	select {
	case q.changed <- struct{}{}:
	default:
	}
	return nil
}

func (q *queue) send(gone <-chan struct{}, deliver func(note)) {
	defer close(q.done)
	for {
		select {
		case <-gone:
			q.mu.Lock()
			q.over, q.notes = true, nil
			q.mu.Unlock()
			return
		case <-q.changed:
		}
		q.mu.Lock()
		notes := q.notes
		q.notes, q.busy = nil, true
		q.mu.Unlock()
		for _, n := range notes {
			deliver(n)
		}
		q.mu.Lock()
		q.busy = false
		if len(q.notes) == 0 {
			close(q.idle)
			q.idle = make(chan struct{})
		}
		q.mu.Unlock()
	}
}

func (q *queue) flush(ctx context.Context, gone <-chan struct{}) {
	q.mu.Lock()
	empty, idle := len(q.notes) == 0 && !q.busy, q.idle
	q.mu.Unlock()
	if empty {
		return
	}
	select {
	case <-idle:
	case <-gone:
	case <-ctx.Done():
	}
}
