package main

import (
	"context"
	"errors"
	"maps"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// slowCall is what a call should not take.
	slowCall = time.Second
	// mostTold bounds the failures that are told one by one.
	mostTold = 10
)

// Count counts calls of a kind.
type Count struct {
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// Inside are failed ones that were inside a process that was killed; they are not in Failed.
	Inside int64 `json:"inside"`
	Slow   int64 `json:"slow"`
	// Skipped were not made: too many wait for an answer.
	Skipped  int64            `json:"skipped"`
	ServedBy map[string]int64 `json:"servedBy,omitempty"`
	Failures []Failure        `json:"failures,omitempty"`
	// RecoveryMillis is from the mark to the first answer of the app's own pods to a
	// call that began after it; -1 when there was none.
	RecoveryMillis int64 `json:"recoveryMillis"`

	recovered time.Time
}

// Failure is a call that failed.
type Failure struct {
	// AfterMarkMillis is how long after the mark it began, and TookMillis what it took.
	AfterMarkMillis int64  `json:"afterMarkMillis"`
	TookMillis      int64  `json:"tookMillis"`
	Stage           string `json:"stage"`
	// PinnedMillis is how long after the mark the kept connection was made that somebody else
	// than the app's own pods had; absent for others.
	PinnedMillis *int64 `json:"pinnedMillis,omitempty"`
	Reused       bool   `json:"reused"`
	Local        string `json:"local,omitempty"`
	Remote       string `json:"remote,omitempty"`
	Last         string `json:"last,omitempty"` // who answered last on this connection
	Error        string `json:"error"`
	Inside       bool   `json:"inside"`
}

// Stats are what a load has seen, by kind.
type Stats map[string]Count

// excuse tells which failed calls were inside a process that was killed.
type excuse string

const (
	// excusePinned: calls under way at the mark, and one call on each connection that
	// something else than the app's own pods had before it.
	excusePinned excuse = "pinned"
	// excuseDying: processes die again and again, so calls that were broken off when they had been sent.
	excuseDying excuse = "dying"
)

// mark is the moment of a fault.
type mark struct {
	at     time.Time
	excuse excuse
}

// peer is who is at the far end of a kept connection.
type peer struct {
	since time.Time // when the connection was made
	last  string    // who has answered last on it
}

// call is one call.
type call struct {
	kind  string
	began time.Time
	by    string
	err   error
	peer  *peer // nil for new connections

	mu            sync.Mutex // the transport calls from goroutines of its own
	stage         string
	reused        bool
	local, remote string
}

func (c *call) connected(local, remote string, reused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage, c.local, c.remote, c.reused = "asking", local, remote, reused
	if c.peer != nil && !reused {
		*c.peer = peer{since: time.Now()}
	}
}

func (c *call) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		c.connected(info.Conn.LocalAddr().String(), info.Conn.RemoteAddr().String(), info.Reused)
	}})
}

// note counts a call that has ended.
func (l *load) note(c *call) {
	ended := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := l.kinds[c.kind]
	n.Requests++
	if c.err != nil {
		l.fail(n, c, ended)
		return
	}
	if ended.Sub(c.began) > slowCall {
		n.Slow++
	}
	if n.ServedBy == nil {
		n.ServedBy = map[string]int64{}
	}
	n.ServedBy[c.by]++
	if c.peer != nil {
		c.peer.last = c.by
	}
	if l.own(c.by) && !l.mark.at.IsZero() && c.began.After(l.mark.at) && n.recovered.IsZero() {
		n.recovered = ended
	}
}

// own tells whether an answer is of one of the app's own pods.
func (l *load) own(by string) bool { return strings.HasPrefix(by, l.name+"-") }

func (l *load) fail(n *Count, c *call, ended time.Time) {
	f := Failure{
		AfterMarkMillis: c.began.Sub(l.mark.at).Milliseconds(), TookMillis: ended.Sub(c.began).Milliseconds(),
		Stage: c.stage, Reused: c.reused, Local: c.local, Remote: c.remote, Error: c.err.Error(), Inside: l.inside(c),
	}
	if c.peer != nil {
		if l.elsewhere(c) {
			pinned := c.peer.since.Sub(l.mark.at).Milliseconds()
			f.PinnedMillis = &pinned
		}
		f.Last = c.peer.last
		*c.peer = peer{}
	}
	if f.Inside {
		n.Inside++
	} else {
		n.Failed++
	}
	if len(n.Failures) < mostTold {
		n.Failures = append(n.Failures, f)
	}
}

// inside tells whether a failed call was inside a process that was killed.
func (l *load) inside(c *call) bool {
	switch l.mark.excuse {
	case excusePinned:
		return l.elsewhere(c) && c.peer.since.Before(l.mark.at) || c.began.Before(l.mark.at)
	case excuseDying:
		// A reset may come before connecting has been noticed to have succeeded.
		return c.stage == "asking" || errors.Is(c.err, syscall.ECONNRESET)
	}
	return false
}

// elsewhere: a call went over a kept connection that something else than the app's own pods had.
func (l *load) elsewhere(c *call) bool {
	return c.peer != nil && c.reused && c.peer.last != "" && !l.own(c.peer.last)
}

func (l *load) setMark(e excuse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mark = mark{at: time.Now(), excuse: e}
	for _, n := range l.kinds {
		n.recovered = time.Time{}
	}
}

func (l *load) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Stats{}
	for kind, n := range l.kinds {
		c := *n
		c.ServedBy, c.Failures, c.RecoveryMillis = maps.Clone(n.ServedBy), slices.Clone(n.Failures), -1
		if !n.recovered.IsZero() {
			c.RecoveryMillis = n.recovered.Sub(l.mark.at).Milliseconds()
		}
		out[kind] = c
	}
	return out
}
