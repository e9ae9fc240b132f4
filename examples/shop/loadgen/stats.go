package main

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

const (
	// slowCall is what a call should not take.
	slowCall = time.Second
	// mostConnections bounds those of which it is remembered who answered on them last.
	mostConnections = 1000
	// mostTold bounds the failures and changes that are told one by one.
	mostTold = 50
)

// Stats are what a steady load has seen, by kind of connection.
type Stats struct {
	URL   string    `json:"url,omitempty"`
	Now   time.Time `json:"now"`   // by the clock of what follows
	Kept  Count     `json:"kept"`  // over kept-alive connections
	Fresh Count     `json:"fresh"` // each over a new one
}

// Count counts calls.
type Count struct {
	Requests int64            `json:"requests"`
	Failed   int64            `json:"failed"`
	Slow     int64            `json:"slow"`
	Skipped  int64            `json:"skipped"`            // not made: too many wait for an answer
	FailedAt map[string]int64 `json:"failedAt,omitempty"` // by how far the call came
	Failures []Failure        `json:"failures,omitempty"`
	// ServedBy counts answers by the "servedBy" in them; Changes are when it became another.
	ServedBy map[string]int64 `json:"servedBy,omitempty"`
	Changes  []Change         `json:"changes,omitempty"`
	// Moved counts answers on a connection on which somebody else had answered before.
	Moved int64 `json:"moved"`

	last string            // who has answered last
	on   map[string]string // who has answered last, by the connection's own address
}

// Change is an answer of somebody else than the one before.
type Change struct {
	At       time.Time `json:"at"`
	ServedBy string    `json:"servedBy"`
}

// Failure is a call that failed: when, how far it came, and on which connection.
type Failure struct {
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended"`
	Stage  string    `json:"stage"`
	Reused bool      `json:"reused"` // the connection was there before the call
	Local  string    `json:"local,omitempty"`
	Remote string    `json:"remote,omitempty"`
	Error  string    `json:"error"`
	// After is who gave the last answer before this failure.
	After string `json:"after,omitempty"`
}

func (c *Count) note(answer []byte, err error, t *trace) {
	ended := time.Now()
	c.Requests++
	if ended.Sub(t.began) > slowCall {
		c.Slow++
	}
	if err != nil {
		c.fail(t.failure(ended, err))
		return
	}
	var body struct {
		ServedBy string `json:"servedBy"`
	}
	if json.Unmarshal(answer, &body) != nil || body.ServedBy == "" {
		return
	}
	if c.ServedBy == nil {
		c.ServedBy = map[string]int64{}
	}
	c.ServedBy[body.ServedBy]++
	c.noteConnection(t.connection(), body.ServedBy)
	if c.last != body.ServedBy && len(c.Changes) < mostTold {
		c.Changes = append(c.Changes, Change{At: ended, ServedBy: body.ServedBy})
	}
	c.last = body.ServedBy
}

func (c *Count) noteConnection(address, servedBy string) {
	before, known := c.on[address]
	if known && before != servedBy {
		c.Moved++
	}
	if c.on == nil {
		c.on = map[string]string{}
	}
	if known || len(c.on) < mostConnections {
		c.on[address] = servedBy
	}
}

func (c *Count) fail(f Failure) {
	c.Failed++
	if c.FailedAt == nil {
		c.FailedAt = map[string]int64{}
	}
	c.FailedAt[f.Stage]++
	if f.After = c.last; len(c.Failures) < mostTold {
		c.Failures = append(c.Failures, f)
	}
}

func (c *Count) clone() Count {
	out := *c
	out.on = nil
	out.FailedAt, out.ServedBy = maps.Clone(c.FailedAt), maps.Clone(c.ServedBy)
	out.Changes, out.Failures = slices.Clone(c.Changes), slices.Clone(c.Failures)
	return out
}
