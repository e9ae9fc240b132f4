package e2e

import (
	"context"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// loadPause is between two calls of the load: short enough to hit the instants of a
// switch, and long enough that a run does not use a source port twice while the
// node's connection tracking remembers the first use. Such a call is led to where the
// first one was, also when that pod is gone ("no route to host"), in any cluster.
const loadPause = 2 * time.Millisecond

// loadStats, count and failure are what the load generator tells of a load.
type loadStats struct {
	Now         time.Time
	Kept, Fresh count
}

type count struct {
	Requests, Failed, Slow int64
	Moved                  int64
	ServedBy               map[string]int64
	Changes                []struct {
		At       time.Time
		ServedBy string
	}
	Failures []failure
}

type failure struct {
	Began, Ended         time.Time
	Stage, Local, Remote string
	Reused               bool
	Error, After         string
}

// startLoad lets the load generator call, and learns how far its clock is from ours.
func startLoad(ctx context.Context, t *testing.T, line *timeline, target string) {
	t.Helper()
	began := time.Now()
	raw, err := world.Ask(ctx, shop, "POST", "load", url.Values{"url": {target}, "pause": {loadPause.String()}})
	ended := time.Now()
	if err != nil {
		t.Fatal(err)
	}
	var stats loadStats
	if err := json.Unmarshal(raw, &stats); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	line.setClock(stats.Now.Sub(began.Add(ended.Sub(began) / 2)))
	t.Cleanup(func() {
		// The test may have failed before its end.
		_, _ = world.Ask(context.WithoutCancel(ctx), shop, "DELETE", "load", nil)
	})
}

func askLoad(ctx context.Context, t *testing.T, verb string) *loadStats {
	t.Helper()
	raw, err := world.Ask(ctx, shop, verb, "load", nil)
	if err != nil {
		t.Fatal(err)
	}
	var stats loadStats
	if err := json.Unmarshal(raw, &stats); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return &stats
}

// byWorkstation counts the answers that the workstation has given.
func byWorkstation(c count) (n int64) {
	for name, answers := range c.ServedBy {
		if cluster.AtWorkstation(name) {
			n += answers
		}
	}
	return n
}
