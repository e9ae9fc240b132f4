package controller

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// typeGone tells for certain whether the Intercept type has been removed from the cluster.
type typeGone func(ctx context.Context) (bool, error)

// newInformer makes the cache's informers. The one of Intercepts takes a missing
// type for an empty list: an informer that waits for it would keep the operator
// from restoring the Services of the sessions that went with it.
func newInformer(gone typeGone) func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer {
	return func(lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		if _, ok := object.(*v1alpha1.Intercept); ok {
			lw = &lenient{lw: toolscache.ToListerWatcherWithContext(lw), gone: gone}
		}
		return toolscache.NewSharedIndexInformer(lw, object, resync, indexers)
	}
}

// lenient lists nothing while the type is gone.
type lenient struct {
	lw   toolscache.ListerWatcherWithContext
	gone typeGone
}

// lookAgain is how often a missing type is looked for.
const lookAgain = time.Second

func (l *lenient) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := l.lw.ListWithContext(ctx, options)
	if !apierrors.IsNotFound(err) {
		return list, err
	}
	// An API server that is just starting may not know the type yet. Its definition says.
	gone, lookErr := l.gone(ctx)
	if lookErr != nil || !gone {
		return nil, errors.Join(err, lookErr)
	}
	return &v1alpha1.InterceptList{}, nil
}

func (l *lenient) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	if options.ResourceVersion != "" {
		return l.lw.WatchWithContext(ctx, options)
	}
	// After the empty list of a missing type.
	return waitForType(ctx, l.gone), nil
}

// absence is a watch of a missing type. Its goroutine ends when the type is there
// (the watcher then has to list it), with Stop, or with the context.
type absence struct {
	events chan watch.Event
	cancel context.CancelFunc
}

func waitForType(ctx context.Context, gone typeGone) *absence {
	ctx, cancel := context.WithCancel(ctx)
	a := &absence{events: make(chan watch.Event), cancel: cancel}
	go func() {
		defer close(a.events)
		ticker := time.NewTicker(lookAgain)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if missing, err := gone(ctx); err != nil || missing {
				continue
			}
			expired := apierrors.NewResourceExpired("the type has been installed")
			select {
			case a.events <- watch.Event{Type: watch.Error, Object: &expired.ErrStatus}:
			case <-ctx.Done():
			}
			return
		}
	}()
	return a
}

// Stop ends the watch. It may be called twice.
func (a *absence) Stop() { a.cancel() }

// ResultChan has at most one event: that what was known is no longer so.
func (a *absence) ResultChan() <-chan watch.Event { return a.events }

// List and Watch are the older halves of toolscache.ListerWatcher.
func (l *lenient) List(options metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), options)
}

// Watch is WatchWithContext without one.
func (l *lenient) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), options)
}

// IsWatchListSemanticsUnSupported keeps the reflector to list and watch: a list
// that is streamed by a watch could not be answered for a missing type.
func (l *lenient) IsWatchListSemanticsUnSupported() bool { return true }
