package main

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	// atOnce is how many calls go out together: more than web keeps connections for.
	atOnce = 8
	// roundPause is between two rounds of them.
	roundPause = 250 * time.Millisecond
)

// calls are those of a client in the cluster to web. Each has a goroutine until
// it is answered or ctx ends; wait waits for all.
type calls struct {
	cluster *cluster.Cluster
	host    string // of the workstation

	group sync.WaitGroup
	mu    sync.Mutex
	// here and origin are who has answered; failures are told one by one.
	here, origin []*answered
	failures     []error
	changed      chan struct{}
}

func newCalls(c *cluster.Cluster, host string) *calls {
	return &calls{cluster: c, host: host, changed: make(chan struct{})}
}

// one makes one call, and waits for its answer.
func (c *calls) one(ctx context.Context) (*answered, error) {
	raw, err := c.cluster.Call(ctx, namespace, "http://web/ann", false)
	var a answered
	if err == nil {
		err = json.Unmarshal(raw, &a)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.failures = append(c.failures, err)
	case a.Cart.ServedBy == c.host:
		c.here = append(c.here, &a)
	default:
		c.origin = append(c.origin, &a)
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return &a, err
}

// start makes calls in the background.
func (c *calls) start(ctx context.Context, n int) {
	for range n {
		c.group.Go(func() { _, _ = c.one(ctx) }) // what fails is noted
	}
}

// rounds makes calls in the background, again and again, until ctx ends; those under way go on.
func (c *calls) rounds(ctx context.Context, callCtx context.Context) {
	tick := time.NewTicker(roundPause)
	defer tick.Stop()
	for {
		c.start(callCtx, atOnce)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// numbers are how many calls were answered here, by the origin, and failed; with
// the first failure, and a channel that is closed when any of it changes.
func (c *calls) numbers() (here, origin, failed int, first error, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failures) > 0 {
		first = c.failures[0]
	}
	return len(c.here), len(c.origin), len(c.failures), first, c.changed
}

// answeredHere waits for an answer that the workstation gave.
func (c *calls) answeredHere(ctx context.Context) (*answered, error) {
	for {
		here, _, _, first, changed := c.numbers()
		if first != nil {
			return nil, first
		}
		if here > 0 {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.here[0], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// wait waits until all calls are answered.
func (c *calls) wait() { c.group.Wait() }
