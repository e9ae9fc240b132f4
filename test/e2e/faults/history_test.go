package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// history is what the cluster did while a row was played: a call that failed is
// explained by what changed just before it. Its goroutines are those of its
// informers; they end with the row.
type history struct {
	mu     sync.Mutex
	events []change
	last   map[string]string // by object
}

type change struct {
	at   time.Time
	what string
}

// watch begins the history of the stage, which is told at its end if it has failed.
func (s *stage) watch() {
	s.t.Helper()
	h := &history{last: map[string]string{}}
	began := time.Now()
	ctx, cancel := context.WithCancel(s.ctx)
	factory := informers.NewSharedInformerFactoryWithOptions(world.Kube, 0, informers.WithNamespace(s.namespace))
	for _, informer := range []cache.SharedIndexInformer{
		factory.Core().V1().Services().Informer(),
		factory.Core().V1().Pods().Informer(),
		factory.Discovery().V1().EndpointSlices().Informer(),
	} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { h.note(o, false) },
			UpdateFunc: func(_, o any) { h.note(o, false) },
			DeleteFunc: func(o any) { h.note(o, true) },
		})
		s.must(err)
	}
	factory.Start(ctx.Done())
	s.t.Cleanup(func() {
		cancel()
		factory.Shutdown()
		if s.t.Failed() {
			s.t.Log(h.tell(s.marked))
			end, stop := detached(s.ctx)
			defer stop()
			s.t.Log(s.operatorLog(end, began))
		}
	})
}

func (h *history) note(object any, gone bool) {
	if d, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = d.Obj
	}
	name, state := describe(object)
	if gone {
		state = "gone"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last[name] != state {
		h.last[name] = state
		h.events = append(h.events, change{time.Now(), name + ": " + state})
	}
}

// describe names an object, and says what of it decides where calls go.
func describe(object any) (name, state string) {
	switch o := object.(type) {
	case *corev1.Service:
		return "Service " + o.Name, fmt.Sprintf("selector %v", o.Spec.Selector)
	case *corev1.Pod:
		ready := slices.ContainsFunc(o.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
		return "Pod " + o.Name, fmt.Sprintf("%s, %s, ready %v, deleted %v", o.Status.Phase, o.Status.PodIP, ready, o.DeletionTimestamp != nil)
	case *discoveryv1.EndpointSlice:
		var all []string
		for _, e := range o.Endpoints {
			all = append(all, fmt.Sprintf("%s ready %v", strings.Join(e.Addresses, " "), e.Conditions.Ready == nil || *e.Conditions.Ready))
		}
		return "EndpointSlice " + o.Name, strings.Join(all, ", ")
	default:
		return fmt.Sprintf("%T", object), "?"
	}
}

// tell gives the history by milliseconds since the fault.
func (h *history) tell(fault time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	b.WriteString("what the cluster did, in ms after the fault:\n")
	for _, e := range h.events {
		fmt.Fprintf(&b, "  %7d  %s\n", e.at.Sub(fault).Milliseconds(), e.what)
	}
	return b.String()
}

// operatorLog is what the operators have said of this stage.
func (s *stage) operatorLog(ctx context.Context, since time.Time) string {
	const namespace = "kubetunnel-system"
	pods, err := world.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Sprint("the operators' logs: ", err)
	}
	var b strings.Builder
	b.WriteString("what the operators said of it:\n")
	for i := range pods.Items {
		name := pods.Items[i].Name
		raw, err := world.Kube.CoreV1().Pods(namespace).GetLogs(name, &corev1.PodLogOptions{SinceTime: &metav1.Time{Time: since}}).DoRaw(ctx)
		if err != nil {
			fmt.Fprintf(&b, "  %s: %v\n", name, err)
		}
		for line := range strings.Lines(string(raw)) {
			if strings.Contains(line, s.namespace) {
				fmt.Fprintf(&b, "  %s: %s", name, line)
			}
		}
	}
	return b.String()
}
