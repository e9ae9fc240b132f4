package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// quick are the times of the tests: long beside a step, short beside a test.
var quick = leaseTimes{valid: 500 * time.Millisecond, renew: 300 * time.Millisecond, retry: 20 * time.Millisecond}

// office is the Lease in memory, and the number of those who act.
type office struct {
	mu     sync.Mutex
	record *resourcelock.LeaderElectionRecord
	acting atomic.Int32
	term   atomic.Int64
	broken atomic.Bool
}

var errBroken = errors.New("the API server is away")

// key is one candidate's way to the office.
type key struct {
	*office
	name string
}

func (k key) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken.Load() {
		return nil, nil, errBroken
	}
	if k.record == nil {
		k.record = &resourcelock.LeaderElectionRecord{}
	}
	r := *k.record
	return &r, []byte(r.HolderIdentity + r.RenewTime.Format(time.RFC3339Nano)), nil
}

func (k key) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return k.Update(ctx, r)
}

func (k key) Update(_ context.Context, r resourcelock.LeaderElectionRecord) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken.Load() {
		return errBroken
	}
	k.record = &r
	return nil
}

func (k key) RecordEvent(string) {}
func (k key) Identity() string   { return k.name }
func (k key) Describe() string   { return "office" }

func (o *office) candidate(name string) *candidate {
	return &candidate{lock: key{o, name}, log: slog.New(slog.DiscardHandler), times: quick}
}

// stand lets a candidate run; acts gets its name at each term's begin.
func (o *office) stand(ctx context.Context, t *testing.T, name string, acts chan<- string) (over chan error) {
	t.Helper()
	over = make(chan error, 1)
	go func() {
		over <- o.candidate(name).run(ctx, func(ctx context.Context, mine mandate) error {
			if o.acting.Add(1) > 1 {
				t.Errorf("%s acts beside another", name)
			}
			if !mine.holds() {
				t.Errorf("%s acts, and may not", name)
			}
			o.term.Store(mine.term)
			acts <- name
			<-ctx.Done()
			o.acting.Add(-1)
			return nil
		})
	}()
	return over
}

func TestTheNextLeaderActsWhenTheFirstHasEnded(t *testing.T) {
	o, acts := &office{}, make(chan string, 4)
	first, endFirst := context.WithCancel(t.Context())
	second, endSecond := context.WithCancel(t.Context())
	overA := o.stand(first, t, "a", acts)
	if who := <-acts; who != "a" {
		t.Fatalf("%s acts", who)
	}
	overB := o.stand(second, t, "b", acts)
	firstTerm := o.term.Load()
	endFirst()
	if err := <-overA; err != nil {
		t.Error(err)
	}
	if who := <-acts; who != "b" {
		t.Errorf("%s acts", who)
	}
	if next := o.term.Load(); next <= firstTerm {
		t.Errorf("term %d follows term %d", next, firstTerm)
	}
	endSecond()
	if err := <-overB; err != nil {
		t.Error(err)
	}
	if r := o.record; r.HolderIdentity != "" {
		t.Errorf("the lease was not given up: %+v", r)
	}
}

// A frozen process learns by the clock that its lease has run out, and not only by its elector.
func TestAnOldLeaseIsNotHeld(t *testing.T) {
	o := &office{}
	c := o.candidate("a")
	c.times = leaseTimes{valid: 400 * time.Millisecond, renew: 390 * time.Millisecond, retry: 200 * time.Millisecond}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	err := c.run(ctx, func(ctx context.Context, mine mandate) error {
		o.broken.Store(true)
		for mine.holds() {
			if ctx.Err() != nil {
				return errors.New("the term ended before the lease was taken for old")
			}
		}
		end()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestALostLeaseEndsTheTermAndNotTheProcess(t *testing.T) {
	o, acts := &office{}, make(chan string, 4)
	ctx, end := context.WithCancel(t.Context())
	over := o.stand(ctx, t, "a", acts)
	<-acts
	o.broken.Store(true)
	for o.acting.Load() > 0 { // until the term has ended
		select {
		case err := <-over:
			t.Fatalf("it ended: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	o.broken.Store(false)
	if who := <-acts; who != "a" {
		t.Errorf("%s acts", who)
	}
	end()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// A container that was killed comes back with its pod's name, and waits for no lease.
func TestARestartedLeaderLeadsOn(t *testing.T) {
	o, acts := &office{}, make(chan string, 1)
	now := metav1.Now()
	o.record = &resourcelock.LeaderElectionRecord{HolderIdentity: "a", LeaseDurationSeconds: 3600, AcquireTime: now, RenewTime: now}
	ctx, end := context.WithCancel(t.Context())
	over := o.stand(ctx, t, "a", acts)
	<-acts
	end()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

func TestWhatFailsInATermEndsTheOperator(t *testing.T) {
	broken := errors.New("broken")
	err := (&office{}).candidate("a").run(t.Context(), func(context.Context, mandate) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestWhoWaitsForTheLeaseCanBeEnded(t *testing.T) {
	o := &office{}
	now := metav1.Now()
	o.record = &resourcelock.LeaderElectionRecord{HolderIdentity: "other", LeaseDurationSeconds: 3600, AcquireTime: now, RenewTime: now}
	ctx, end := context.WithCancel(t.Context())
	over := o.stand(ctx, t, "a", make(chan string, 1))
	end()
	if err := <-over; err != nil || o.acting.Load() > 0 {
		t.Errorf("got %v", err)
	}
}
