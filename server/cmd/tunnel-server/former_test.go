package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine"
)

// newTestFormer ends Intercepts as long as end says so, and has left one.
func newTestFormer(t *testing.T, end func() error) *former {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir()) // where it looks for what was left
	f := newFormer(nil, slog.New(slog.DiscardHandler))
	f.endIntercept = func(context.Context, engine.Card) error { return end() }
	t.Cleanup(f.wait)
	f.mu.Lock()
	f.end(engine.Card{Service: "cart", Intercept: "cart-1", UID: "1"})
	f.mu.Unlock()
	return f
}

func TestAnInterceptThatWasLeftIsEndedOnceTheClusterCanBeReached(t *testing.T) {
	var reachable atomic.Bool
	var attempts atomic.Int64
	f := newTestFormer(t, func() error {
		attempts.Add(1)
		if !reachable.Load() {
			return errors.New("no route")
		}
		return nil
	})
	left := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.left["cart"])
	}
	f.makeWay(t.Context(), "cart")
	if attempts.Load() == 0 || left() != 1 {
		t.Fatalf("%d attempts, %d left", attempts.Load(), left())
	}
	reachable.Store(true)
	for left() > 0 {
		f.makeWay(t.Context(), "cart") // a session on that Service begins
	}
	before := attempts.Load()
	f.makeWay(t.Context(), "cart")
	if attempts.Load() != before {
		t.Error("what has ended was ended again")
	}
}

func TestTheServersEndDoesNotWaitForAClusterThatCantBeReached(t *testing.T) {
	tried := make(chan struct{}, 1)
	f := newTestFormer(t, func() error {
		select {
		case tried <- struct{}{}:
		default:
		}
		return errors.New("no route")
	})
	<-tried
	f.wait()
	f.wait()
}
