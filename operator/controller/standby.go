package controller

import (
	"maps"
	"slices"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// PutStandby lets the app's own pods stand by at a switched Service.
type PutStandby struct{ Slice *discoveryv1.EndpointSlice }

func (a PutStandby) String() string { return "put EndpointSlice " + a.Slice.Name }

// standby lets the app's own pods stand by while the Service is switched, and until the
// nodes know them by the Service's own slices again.
func (p *planner) standby() {
	if !p.w.Settings.Standby {
		return // neither have we the right
	}
	if wait := p.unknownYet(); wait > 0 {
		p.recheck(wait)
		return
	}
	want := map[string]*discoveryv1.EndpointSlice{}
	if p.live && p.w.Service.Spec.ClusterIP != corev1.ClusterIPNone {
		want = p.standbySlices()
	}
	for i := range p.w.Owned.Slices {
		switch have := &p.w.Owned.Slices[i]; {
		case want[have.Name] == nil && !p.removed(have):
			p.do(Delete{Object: have.DeepCopy()})
		case sameStandby(have, want[have.Name]):
			delete(want, have.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		p.do(PutStandby{Slice: want[name]})
	}
}

// unknownYet is for how long the nodes may still have no pod of the app's in the Service's
// own slices: from when the selector goes back, which is right now or was a moment ago.
func (p *planner) unknownYet() time.Duration {
	switch restored := p.w.Memory.RestoredAt; {
	case p.live || p.w.Service == nil || len(p.w.Owned.Slices) == 0:
		return 0
	case p.mode != plain:
		return forgetDelay
	case restored.IsZero():
		return 0
	default:
		return restored.Add(forgetDelay).Sub(p.w.Now)
	}
}

// standbySlices are, by name, one for each slice of the origin Service that has a pod
// which takes calls.
func (p *planner) standbySlices() map[string]*discoveryv1.EndpointSlice {
	out := map[string]*discoveryv1.EndpointSlice{}
	origin := p.w.originService()
	if origin == nil {
		return out
	}
	for i := range p.w.OriginSlices {
		if s := standbySlice(p.n, origin, &p.w.OriginSlices[i]); len(s.Endpoints) > 0 {
			out[s.Name] = s
		}
	}
	return out
}

// standbySlice has the ready pods of a slice of the origin's, at the target, as pods that
// are about to end but still take calls: these are what a node's proxy falls back to by
// itself, while a Service has no ready pod and not before. So it needs nobody when the
// agent is gone, and takes nothing from it while it lives.
//
// It goes with the origin Service at the latest, by the garbage collector: then also when
// the operator may not write EndpointSlices any more.
func standbySlice(n names, origin *corev1.Service, of *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  n.meta(of.Namespace, n.base+"-standby"+strings.TrimPrefix(of.Name, n.origin())),
		AddressType: of.AddressType,
		Ports:       of.Ports,
	}
	s.Labels[discoveryv1.LabelServiceName] = n.target
	s.Labels[discoveryv1.LabelManagedBy] = v1alpha1.ManagedBy
	s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: origin.Name, UID: origin.UID}}
	ready, serving, terminating := false, true, true
	for _, e := range of.Endpoints {
		if !readyEndpoint(&e) {
			continue
		}
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses: e.Addresses, NodeName: e.NodeName, Zone: e.Zone, TargetRef: e.TargetRef,
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating},
		})
	}
	return s
}

func readyEndpoint(e *discoveryv1.Endpoint) bool {
	return e.Conditions.Ready == nil || *e.Conditions.Ready
}

func sameStandby(have, want *discoveryv1.EndpointSlice) bool {
	return want != nil && have.DeletionTimestamp.IsZero() &&
		apiequality.Semantic.DeepEqual(have.Endpoints, want.Endpoints) && apiequality.Semantic.DeepEqual(have.Ports, want.Ports) &&
		apiequality.Semantic.DeepEqual(have.OwnerReferences, want.OwnerReferences)
}
