package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// errNotLeading: another operator acts.
var errNotLeading = errors.New("the lease has run out")

// reconciler brings one Service at a time to what its Intercepts want. The queue
// never hands out the same Service twice at once.
type reconciler struct {
	gatherer gatherer
	applier  applier
	links    *links
	leading  func() bool
	settings Settings
	log      *slog.Logger
	now      func() time.Time

	mu     sync.Mutex
	memory map[types.NamespacedName]Memory
}

// Reconcile looks at a Service, decides, and acts.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	result, err := r.reconcile(ctx, req)
	if ctx.Err() != nil {
		// The operator ends: what was under way is looked at when it starts again.
		return reconcile.Result{}, nil
	}
	return result, err
}

func (r *reconciler) reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	w, concerned, err := r.gatherer.gather(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("look at Service %s: %w", req, err)
	}
	if !r.leading() {
		return reconcile.Result{}, errNotLeading // its term ends right now
	}
	if !concerned {
		for _, m := range r.recall(req.NamespacedName).Clients {
			if m.Begun {
				r.applier.teller.tell(ctx, nil, m.over(r.now()))
			}
		}
		r.links.keep(req.NamespacedName, nil)
		r.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	w.Link = r.links.state(req.NamespacedName)
	w.Memory, w.Settings, w.Now = r.recall(req.NamespacedName), r.settings, r.now()
	p := plan(w)
	r.tell(ctx, &w, &p)
	failed := r.apply(ctx, &p)
	r.store(req.NamespacedName, p.Memory)
	// Whatever failed, the agent is told the present state: withdrawals must not wait.
	r.links.keep(req.NamespacedName, p.Link)
	if err := errors.Join(failed, r.report(ctx, &w, &p, failed)); err != nil {
		if errors.Is(err, errStale) || apierrors.IsConflict(err) {
			r.log.Debug("looking again", "service", req.String(), "reason", err)
			return reconcile.Result{RequeueAfter: 5 * time.Millisecond}, nil
		}
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: p.Recheck}, nil
}

// tell comes before the actions, one of which may be to remove what it is about.
func (r *reconciler) tell(ctx context.Context, w *World, p *Plan) {
	for _, n := range p.Notices {
		r.applier.teller.tell(ctx, w.Service, n)
	}
}

// apply does the actions up to the first that fails.
func (r *reconciler) apply(ctx context.Context, p *Plan) error {
	for _, action := range p.Actions {
		if err := r.applier.do(ctx, action); err != nil {
			return err
		}
		p.Memory.applied(action, r.now())
		r.log.Info("done", "action", action.String())
	}
	return nil
}

// report writes the status of the Intercepts that have changed. When an action has
// failed, what is told is that, and nothing that would only be true had it not.
func (r *reconciler) report(ctx context.Context, w *World, p *Plan, failed error) error {
	var errs []error
	for i := range w.Intercepts {
		in := &w.Intercepts[i]
		status, planned := p.Status[in.UID]
		if !planned {
			continue
		}
		if failed != nil {
			if errors.Is(failed, errStale) || in.Status.State == v1alpha1.StateLive {
				continue
			}
			status = *in.Status.DeepCopy()
			if status.State == "" {
				status.State = v1alpha1.StatePreparing
			}
			status.Message = "the operator tries again: " + failed.Error()
			if quotaFull(failed) {
				status.State, status.Message = v1alpha1.StateFailed, "the cluster refuses what the agent needs: "+failed.Error()
			}
			if about := aboutOf(in); status.State == v1alpha1.StateFailed && in.Status.State != v1alpha1.StateFailed {
				r.applier.teller.tell(ctx, w.Service, Notice{Type: corev1.EventTypeWarning, Reason: eventFailed, About: about, Note: "the intercept by " + about.who() + ": " + status.Message})
			}
		}
		if apiequality.Semantic.DeepEqual(in.Status, status) {
			continue
		}
		next := in.DeepCopy()
		next.Status = status
		if err := r.applier.client.Status().Patch(ctx, next, client.MergeFrom(in), client.FieldOwner(v1alpha1.ManagedBy)); client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("write status of Intercept %s: %w", in.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *reconciler) recall(key types.NamespacedName) Memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.memory[key].clone()
}

func (r *reconciler) store(key types.NamespacedName, m Memory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory[key] = m
}

func (r *reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memory, key)
}
