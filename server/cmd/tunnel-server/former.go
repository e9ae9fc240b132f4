package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/cluster"
	"github.com/kubetunnel/kubetunnel/engine/private"
)

// former is what servers of this user have left that were killed: their folders, and
// their Intercepts, which would keep others from their Services until the lease is over.
// A goroutine ends each Intercept; it is bounded by the time of a request.
type former struct {
	kubeconfig *cluster.Kubeconfig
	log        *slog.Logger

	mu    sync.Mutex
	group sync.WaitGroup
	ended map[string][]<-chan struct{} // by Service
}

// sweep takes away what killed servers have left. What it can't is told, and no reason not to go on.
func (f *former) sweep() {
	f.mu.Lock()
	defer f.mu.Unlock()
	removed, err := private.Sweep(func(path string) {
		// A folder without a card is one of a session that had not begun.
		if card, err := engine.ReadCard(path); err == nil && card.UID != "" {
			f.end(card)
		}
	})
	if err != nil {
		f.log.Warn("a killed server has left what can't be removed", "error", err)
	}
	for _, path := range removed {
		f.log.Info("removed what a killed server has left", "folder", path)
	}
}

// end ends a session's Intercept; the lock is held. What can't be ended now is ended by its lease.
func (f *former) end(card engine.Card) {
	ended := make(chan struct{})
	f.ended[card.Service] = append(f.ended[card.Service], ended)
	f.group.Go(func() {
		defer close(ended)
		log := f.log.With("intercept", card.Namespace+"/"+card.Intercept, "session", card.ID)
		client, err := f.kubeconfig.Connect(card.Context)
		if err == nil {
			err = client.EndIntercept(context.Background(), card.Namespace, card.Intercept, card.UID)
		}
		if err != nil {
			log.Warn("the intercept of a killed server goes on until its lease is over", "error", err)
			return
		}
		log.Info("ended the intercept that a killed server has left")
	})
}

// makeWay waits until nothing of a killed server is on Services of that name any more.
func (f *former) makeWay(ctx context.Context, service string) {
	f.sweep()
	f.mu.Lock()
	waits := slices.Clone(f.ended[service])
	f.mu.Unlock()
	for _, ended := range waits {
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
}

// wait waits for all.
func (f *former) wait() { f.group.Wait() }
