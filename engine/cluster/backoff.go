package cluster

import (
	"context"
	"time"
)

// backoff spaces retries out: 50 ms, doubled up to 2 s.
type backoff struct{ next time.Duration }

const (
	backoffFirst = 50 * time.Millisecond
	backoffLast  = 2 * time.Second
)

func newBackoff() *backoff { return &backoff{next: backoffFirst} }

func (b *backoff) reset() { b.next = backoffFirst }

// wait waits the next delay, or until ctx ends.
func (b *backoff) wait(ctx context.Context) {
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	b.next = min(2*b.next, backoffLast)
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
