package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// timeline is what happened to a Service, by this machine's clock: what the test
// did, where the Service led, and what its pods were told. Goroutines: one for
// each of its watches and followed logs, ended by the test's context.
type timeline struct {
	namespace string
	clock     time.Duration // the load generator's, ahead of ours

	group sync.WaitGroup
	mu    sync.Mutex
	moments
	followed map[string]bool
}

type moment struct {
	at   time.Time
	what string
}

type moments []moment

func (m *moments) add(at time.Time, what string) { *m = append(*m, moment{at, what}) }

func (l *timeline) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(time.Now(), what)
}

func (l *timeline) setClock(ahead time.Duration) { l.clock = ahead }

// follow follows a Service of a namespace, until the test's end.
func follow(ctx context.Context, t *testing.T, namespace, service string) *timeline {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	l := &timeline{namespace: namespace, followed: map[string]bool{}}
	t.Cleanup(func() {
		cancel()
		l.group.Wait()
	})
	slices, err := world.Kube.DiscoveryV1().EndpointSlices(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		t.Fatal(err)
	}
	pods, err := world.Kube.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.group.Go(func() { l.watch(ctx, slices) })
	l.group.Go(func() { l.watch(ctx, pods) })
	return l
}

func (l *timeline) watch(ctx context.Context, w watch.Interface) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-w.ResultChan():
			if !ok {
				return
			}
			switch object := event.Object.(type) {
			case *discoveryv1.EndpointSlice:
				l.note(describeSlice(event.Type, object))
			case *corev1.Pod:
				l.note(describePod(event.Type, object))
				l.followAgent(ctx, object)
			}
		}
	}
}

func describeSlice(event watch.EventType, s *discoveryv1.EndpointSlice) string {
	var to []string
	for _, e := range s.Endpoints {
		is := func(b *bool) bool { return b != nil && *b }
		name := ""
		if e.TargetRef != nil {
			name = e.TargetRef.Name
		}
		to = append(to, fmt.Sprintf("%s %s (ready %v, terminating %v)", strings.Join(e.Addresses, ","), name, is(e.Conditions.Ready), is(e.Conditions.Terminating)))
	}
	return fmt.Sprintf("endpoints: %s %s: %s", s.Name, event, strings.Join(to, "; "))
}

func describePod(event watch.EventType, p *corev1.Pod) string {
	ready := false
	for _, c := range p.Status.Conditions {
		ready = ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	}
	return fmt.Sprintf("pod: %s %s: %s, ready %v, told to end %v, at %s", p.Name, event, p.Status.Phase, ready, p.DeletionTimestamp != nil, p.Status.PodIP)
}

// around tells the failures of a kind of connection among all that happened.
func (l *timeline) around(kind string, c count) string {
	l.mu.Lock()
	all := slices.Clone(l.moments)
	l.mu.Unlock()
	for _, change := range c.Changes {
		all.add(change.At.Add(-l.clock), fmt.Sprintf("load: %s connections are answered by %s", kind, change.ServedBy))
	}
	for _, f := range c.Failures {
		all.add(f.Ended.Add(-l.clock), fmt.Sprintf("FAILED: %s, %s after its begin, while %s, %s → %s (a connection from before: %v), the last answer was of %q",
			f.Error, f.Ended.Sub(f.Began), f.Stage, f.Local, f.Remote, f.Reused, f.After))
	}
	slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	var out strings.Builder
	for _, m := range all {
		fmt.Fprintf(&out, "%10.1f ms  %s\n", float64(m.at.Sub(all[0].at).Microseconds())/1000, m.what)
	}
	return out.String()
}
