package main

import (
	"context"
	"encoding/json"
	"fmt"
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

	group sync.WaitGroup
	mu    sync.Mutex
	// here and origin are who has answered; failures are told one by one.
	here, origin []*answered
	failures     []error
}

func newCalls(c *cluster.Cluster) *calls {
	return &calls{cluster: c}
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
	case cluster.AtWorkstation(a.Cart.ServedBy):
		c.here = append(c.here, &a)
	default:
		c.origin = append(c.origin, &a)
	}
	return &a, err
}

// rounds makes calls in the background, again and again, until ctx ends; those under way go on.
func (c *calls) rounds(ctx context.Context, callCtx context.Context) {
	tick := time.NewTicker(roundPause)
	defer tick.Stop()
	for {
		for range atOnce {
			c.group.Go(func() { _, _ = c.one(callCtx) }) // what fails is noted
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// failed is an error when a call has failed.
func (c *calls) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failures) == 0 {
		return nil
	}
	return fmt.Errorf("%d calls failed, the first: %w", len(c.failures), c.failures[0])
}

// numbers are how many calls were answered here, and by the origin.
func (c *calls) numbers() (here, origin int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.here), len(c.origin)
}

// wait waits until all calls are answered.
func (c *calls) wait() { c.group.Wait() }
