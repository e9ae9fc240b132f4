package faults

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
	"github.com/kubetunnel/kubetunnel/test/results"
)

// row is a fault.
type row struct {
	name string
	// long rows are the soak's alone.
	long bool
	// services are debugged; nil = the one called app.
	services []string
	// nodes are those of the pods, by the names of their apps; any when it has none.
	nodes map[string]string
	// lease of the sessions, 0 = the default.
	lease int
	// calls may take so long, 0 = 15 s.
	calls time.Duration
	// last is how long all of it may take, 0 = two minutes.
	last time.Duration
	// recovers: new calls are answered by the app's own pods after the fault.
	recovers bool
	// harms: the fault hits the app's own pods, so calls fail with and without us.
	harms bool
	// unserved: nor can a connection be made again afterwards.
	unserved bool
	// standby: the operator lets the app's own pods stand by, which it does not by default.
	standby bool
	// play does the fault, on the control too where it is one of the cluster's.
	play func(*stage)
}

func (r *row) apps() []string {
	if r.services == nil {
		return []string{app}
	}
	return r.services
}

func (r *row) callTimeout() time.Duration { return orElse(r.calls, 15*time.Second) }
func (r *row) timeout() time.Duration     { return orElse(r.last, 2*time.Minute) }
func (r *row) leaseSeconds() int          { return r.lease }

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Each fault under a steady load, beside the control. No call fails that would not
// have failed without us, but those inside a process that was killed.
func TestFaultsOfASession(t *testing.T) {
	playAll(t, slices.Concat(workstationRows(), debuggerRows(), appRows(), manyRows()), true)
}

// The same for faults that hit the whole cluster, one at a time.
func TestFaultsOfTheCluster(t *testing.T) {
	playAll(t, slices.Concat(networkRows(), operatorRows(), nodeRows()), false)
}

func playAll(t *testing.T, rows []*row, together bool) {
	t.Helper()
	for _, r := range rows {
		if r.long && !soak {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			if together {
				t.Parallel()
			}
			var sum results.Fault
			for i := range runs() {
				t.Run(strconv.Itoa(i+1), func(t *testing.T) { sum.Add(r.run(t)) })
			}
			played.note(t, sum)
		})
	}
}

// run plays a row once.
func (r *row) run(t *testing.T) results.Fault {
	t.Helper()
	s := raise(t, r)
	r.play(s)
	return s.judge()
}

// judge waits until nothing is left of the row, ends the load, and looks at what it has seen.
func (s *stage) judge() results.Fault {
	s.t.Helper()
	left := s.waitNothingLeft()
	end := s.ended
	if end == nil {
		var err error
		end, err = s.stats(http.MethodDelete)
		s.must(err)
	}
	sum := results.Fault{Name: s.row.name, Form: of("quick", "long"), RecoveryMillis: -1, RestoredMillis: s.restored.Milliseconds(), LeftBehind: len(left)}
	var ours, control unanswered
	for name, kinds := range end {
		if name == bare {
			control.add(kinds)
			for _, c := range kinds {
				sum.ControlFailed += c.Failed
			}
			continue
		}
		for kind, c := range kinds {
			if s.excused == pinned {
				c.excuse(s.took)
				kinds[kind] = c
			}
			sum.Requests, sum.Failed, sum.Inside, sum.Slow = sum.Requests+c.Requests, sum.Failed+c.Failed, sum.Inside+c.Inside, sum.Slow+c.Slow
			if kind == httpNew || kind == lineNew {
				sum.RecoveryMillis = max(sum.RecoveryMillis, c.RecoveryMillis)
				if s.row.recovers && c.RecoveryMillis < 0 {
					s.t.Errorf("%s: calls to %s were not answered by its own pods after the fault: %v", kind, name, c.ServedBy)
				}
			}
		}
		ours.add(kinds) // without what is inside
	}
	for _, problem := range left {
		s.t.Errorf("left behind: %s", problem)
	}
	switch {
	case sum.Requests == 0:
		s.t.Error("no call was made")
	case !s.row.harms && sum.Failed > 0:
		s.t.Errorf("%d of %d calls failed, %d of the control's", sum.Failed, sum.Requests, sum.ControlFailed)
	case s.row.harms && !ours.allowed(control, s.row.unserved):
		s.t.Errorf("of %d calls %+v were not answered, of the control's %+v", sum.Requests, ours, control)
	}
	s.tell(end)
	return sum
}

// unanswered are calls that failed, or were held back: a call that waits for its timeout
// keeps others from being made.
type unanswered struct{ New, Kept int64 }

func (u *unanswered) add(kinds map[string]count) {
	for kind, c := range kinds {
		if kind == httpKept || kind == lineKept {
			u.Kept += c.Failed + c.Skipped
		} else {
			u.New += c.Failed + c.Skipped
		}
	}
}

// allowed tells whether so many may go unanswered where the fault hits the app's own pods:
// two apps are never hit for exactly as long. A kept connection ends with the agent, while
// the control's lives on until it has had its calls: where it can't be made again, so many
// more may fail.
func (u *unanswered) allowed(control unanswered, unserved bool) bool {
	bound := func(n int64) int64 { return n + max(10, n/10) }
	kept := bound(control.Kept)
	if unserved {
		const kinds, connections, calls = 2, 8, 6 // as the load has them
		kept += kinds * connections * calls
	}
	return u.New <= bound(control.New) && u.Kept <= kept
}

// tell logs what the load has seen.
func (s *stage) tell(end counts) {
	s.t.Helper()
	for name, kinds := range end {
		for _, kind := range slices.Sorted(keys(kinds)) {
			c := kinds[kind]
			s.t.Logf("%-5s %-9s %5d calls, %d failed, %d inside, %d slow, %d skipped, recovery %d ms, by %v", name, kind, c.Requests, c.Failed, c.Inside, c.Slow, c.Skipped, c.RecoveryMillis, c.ServedBy)
			for _, f := range c.Failures {
				s.t.Logf("      %+v", f)
			}
		}
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// waitNothingLeft waits until nothing is left, and tells what does not go.
func (s *stage) waitNothingLeft() (left []string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	err := cluster.Wait(ctx, "nothing to be left", func() (bool, error) {
		now, err := s.left(ctx)
		if err == nil {
			left = now
		}
		return err == nil && len(left) == 0, err
	})
	if err != nil && len(left) == 0 {
		left = []string{fmt.Sprint(err)}
	}
	return left
}
