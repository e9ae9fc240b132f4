package agent

import (
	"sync"
	"time"
)

// resets knows when a caller has last seen a reset. The zero value is ready for use.
type resets struct {
	mu   sync.Mutex
	last time.Time
}

func (r *resets) note() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = time.Now()
}

// remembered is for how long a reset may still be remembered, if one is for so long.
func (r *resets) remembered(memory time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.IsZero() {
		return 0
	}
	return max(0, memory-time.Since(r.last))
}

// carried takes what a Splice has to tell.
func (c *call) carried(in, out int64, cut bool) (int64, int64) {
	if cut {
		c.resets.note()
	}
	return in, out
}
