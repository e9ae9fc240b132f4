package controller

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// typeServer serves one Intercept as long as its type is there.
type typeServer struct {
	missing atomic.Bool
	watch   *watch.FakeWatcher
}

func (s *typeServer) listWatch() *toolscache.ListWatch {
	notFound := apierrors.NewNotFound(v1alpha1.Resource("intercepts"), "")
	return &toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (runtime.Object, error) {
			if s.missing.Load() {
				return nil, notFound
			}
			list := &v1alpha1.InterceptList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}, Items: make([]v1alpha1.Intercept, 1)}
			list.Items[0].Name, list.Items[0].ResourceVersion = "one", "5"
			return list, nil
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			if s.missing.Load() {
				return nil, notFound
			}
			return s.watch, nil
		},
	}
}

func TestAMissingTypeIsAnEmptyListUntilItIsInstalled(t *testing.T) {
	server := &typeServer{watch: watch.NewFake()}
	server.missing.Store(true)
	gone := func(context.Context) (bool, error) { return server.missing.Load(), nil }
	informer := newInformer(gone)(server.listWatch(), &v1alpha1.Intercept{}, 0, toolscache.Indexers{})
	events := make(chan string, 8)
	_, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { events <- "added" },
		DeleteFunc: func(any) { events <- "deleted" },
	})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); informer.RunWithContext(ctx) }()
	defer func() { cancel(); <-done }()

	if !toolscache.WaitForCacheSync(t.Context().Done(), informer.HasSynced) {
		t.Fatal("waits for the type")
	}
	server.missing.Store(false)
	expect(t, events, "added")

	// The type goes, and with it the watch.
	server.missing.Store(true)
	server.watch.Stop()
	expect(t, events, "deleted")
}

func TestATypeThatIsNotServedYetIsNotTakenForGone(t *testing.T) {
	server := &typeServer{}
	server.missing.Store(true)
	for name, gone := range map[string]typeGone{
		"its definition is there":    func(context.Context) (bool, error) { return false, nil },
		"its definition is not read": func(context.Context) (bool, error) { return false, errors.New("unreachable") },
	} {
		t.Run(name, func(t *testing.T) {
			l := &lenient{lw: toolscache.ToListerWatcherWithContext(server.listWatch()), gone: gone}
			if list, err := l.List(metav1.ListOptions{}); err == nil {
				t.Fatalf("listed %+v", list)
			}
		})
	}
}

func expect(t *testing.T, events <-chan string, want string) {
	t.Helper()
	select {
	case got := <-events:
		if got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("never %s", want)
	}
}
