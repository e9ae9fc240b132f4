package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// leaseTimes are those of the election: a leader that says nothing for valid is
// replaced, one that could not renew for renew stops before that.
type leaseTimes struct{ valid, renew, retry time.Duration }

// A leader whose node dies is replaced within twelve seconds, in which the agents go on
// with what they were told last. An API server that restarts is away for less than renew.
var defaultTimes = leaseTimes{valid: 10 * time.Second, renew: 7 * time.Second, retry: 2 * time.Second}

// candidate is one of several operators, of which the holder of a Lease acts.
// Control channels belong to whoever acts: they end with a term, and the next leader opens its own.
type candidate struct {
	lock  resourcelock.Interface
	log   *slog.Logger
	times leaseTimes
}

func newCandidate(config *rest.Config, namespace string, log *slog.Logger) (*candidate, error) {
	// The host name is the pod's, and its container's next start has it too: an operator
	// that was killed leads on, and waits for no lease of its own to run out.
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("learn own name: %w", err)
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return &candidate{
		log: log, times: defaultTimes,
		lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.OperatorName},
			Client:     clients.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: name},
		},
	}, nil
}

// mandate is one term of leadership: its number, and whether it still holds.
type mandate struct {
	term  int64
	holds func() bool
}

// run calls act in each term of this candidate, until ctx ends or act fails. Act is told
// by its context when to stop, and can ask whether it still may. The process
// outlives a lost lease: one that ended would be started later and later by the kubelet.
func (c *candidate) run(ctx context.Context, act func(context.Context, mandate) error) error {
	for ctx.Err() == nil {
		if err := c.term(ctx, act); err != nil {
			return err
		}
	}
	return nil
}

// term waits for the lease, acts while it holds, and gives it up only when act has
// returned, so that two never act at once. Its goroutine is the elector's, and ends with it.
func (c *candidate) term(ctx context.Context, act func(context.Context, mandate) error) error {
	election, resign := context.WithCancel(context.WithoutCancel(ctx))
	defer resign()
	elected, over := make(chan context.Context, 1), make(chan struct{})
	lock := &dated{Interface: c.lock}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: v1alpha1.OperatorName, ReleaseOnCancel: true,
		LeaseDuration: c.times.valid, RenewDeadline: c.times.renew, RetryPeriod: c.times.retry,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) { elected <- leading },
			OnStoppedLeading: func() {},
			OnNewLeader:      func(name string) { c.log.Info("leader", "name", name, "own", name == c.lock.Identity()) },
		},
	})
	if err != nil {
		return fmt.Errorf("elect a leader: %w", err)
	}
	go func() {
		defer close(over)
		elector.Run(election)
	}()
	select {
	case <-ctx.Done():
	case leading := <-elected:
		err = actWhile(ctx, leading, func(ctx context.Context) error {
			return act(ctx, mandate{
				term:  lock.last().transitions,
				holds: func() bool { return elector.IsLeader() && c.holds(lock) },
			})
		})
		if leading.Err() != nil && ctx.Err() == nil {
			c.log.Warn("the lease was lost; standing by")
		}
	}
	resign()
	<-over
	return err
}

func actWhile(ctx, leading context.Context, act func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(leading, end)()
	return act(ctx)
}

// holds tells whether the lease is held by now, by this machine's monotonic clock, and
// before the elector has noticed: a process that was frozen may have lost it meanwhile.
// It says no a retry early, for what is begun on its word takes time too.
func (c *candidate) holds(lock *dated) bool {
	return time.Since(lock.last().at) < c.times.valid-c.times.retry
}

// dated notes when the lease was last asked for with success: it is valid from then on,
// whenever the answer came. (The elector's own Check reads its time without a lock.)
type dated struct {
	resourcelock.Interface

	mu   sync.Mutex
	held renewal
}

// renewal is when the lease was asked for, and how often it had changed hands.
type renewal struct {
	at          time.Time
	transitions int64
}

// Create makes the lease.
func (d *dated) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return d.note(renewal{time.Now(), int64(record.LeaderTransitions)}, d.Interface.Create(ctx, record))
}

// Update takes the lease, renews it or gives it up.
func (d *dated) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return d.note(renewal{time.Now(), int64(record.LeaderTransitions)}, d.Interface.Update(ctx, record))
}

func (d *dated) note(asked renewal, err error) error {
	if err == nil {
		d.mu.Lock()
		d.held = asked
		d.mu.Unlock()
	}
	return err
}

func (d *dated) last() renewal {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}
