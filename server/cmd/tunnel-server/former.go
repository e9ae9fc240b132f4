package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/engine/cluster"
	"github.com/kubetunnel/kubetunnel/engine/private"
)

// The pauses between two attempts to end what a killed server has left.
const (
	firstFormerPause = time.Second
	longFormerPause  = 30 * time.Second
)

// former is what servers of this user have left that were killed: their folders, and
// their Intercepts, which would keep others from their Services until the lease is over.
// A goroutine ends each Intercept, and tries again while the cluster can't be reached; it
// ends with that, or with wait.
type former struct {
	// endIntercept ends one, or tells why it can't.
	endIntercept func(context.Context, engine.Card) error
	log          *slog.Logger

	group sync.WaitGroup
	once  sync.Once
	over  chan struct{} // closed by wait

	mu   sync.Mutex
	left map[string][]*leftover // by Service
}

// leftover is one Intercept.
type leftover struct {
	card engine.Card
	// again asks for another attempt now.
	again chan struct{}
	// tried is closed after the attempt that is under way or comes next.
	tried chan struct{}
}

func newFormer(kubeconfig *cluster.Kubeconfig, log *slog.Logger) *former {
	return &former{
		log: log, over: make(chan struct{}), left: map[string][]*leftover{},
		endIntercept: func(ctx context.Context, card engine.Card) error {
			client, err := kubeconfig.Connect(card.Context)
			if err != nil {
				return err
			}
			return client.EndIntercept(ctx, card.Namespace, card.Intercept, card.UID)
		},
	}
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

// end ends a session's Intercept; the lock is held.
func (f *former) end(card engine.Card) {
	l := &leftover{card: card, again: make(chan struct{}, 1), tried: make(chan struct{})}
	f.left[card.Service] = append(f.left[card.Service], l)
	f.group.Go(func() {
		log := f.log.With("intercept", card.Namespace+"/"+card.Intercept, "session", card.ID)
		for pause := firstFormerPause; ; pause = min(2*pause, longFormerPause) {
			err := f.endIntercept(context.Background(), card)
			f.attempted(l, err == nil)
			if err == nil {
				log.Info("ended the intercept that a killed server has left")
				return
			}
			if pause == firstFormerPause {
				log.Warn("the intercept of a killed server goes on; its end is tried again, until its lease is over", "error", err)
			}
			select {
			case <-f.over:
				f.attempted(l, false) // whoever has asked for one more
				return
			case <-l.again:
			case <-time.After(pause):
			}
		}
	})
}

// attempted lets those go on who wait for an attempt.
func (f *former) attempted(l *leftover, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(l.tried)
	l.tried = make(chan struct{})
	if ended {
		service := l.card.Service
		f.left[service] = slices.DeleteFunc(f.left[service], func(other *leftover) bool { return other == l })
	}
}

// makeWay tries to end what killed servers have on Services of that name, and waits for the attempts.
func (f *former) makeWay(ctx context.Context, service string) {
	f.sweep()
	f.mu.Lock()
	var attempts []<-chan struct{}
	for _, l := range f.left[service] {
		attempts = append(attempts, l.tried)
		select {
		case l.again <- struct{}{}:
		default:
		}
	}
	f.mu.Unlock()
	for _, tried := range attempts {
		select {
		case <-tried:
		case <-ctx.Done():
			return
		}
	}
}

// wait waits for the attempts that are under way. There are no more after it.
func (f *former) wait() {
	f.once.Do(func() { close(f.over) })
	f.group.Wait()
}
