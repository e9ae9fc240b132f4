package controller

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

func withStandby(s *Settings) { s.Standby = true }

// standsBy is a world in which the app's own pods may stand by: a ready one and one that is not.
func standsBy(w *World) {
	withStandby(&w.Settings)
	yes, no, port := true, false, int32(8080)
	w.OriginSlices = []discoveryv1.EndpointSlice{{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: w.names().origin() + "-abc"},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: &port}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.1.1.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &yes}},
			{Addresses: []string{"10.1.1.3"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}},
		},
	}}
}

// inPlace: the operator has let them stand by.
func inPlace(w *World) {
	s := standbySlice(w.names(), w.originService(), &w.OriginSlices[0])
	s.UID = "standby-1"
	w.Owned.Slices = []discoveryv1.EndpointSlice{*s}
}

func restored(ago time.Duration) change {
	return func(w *World) { w.Memory.RestoredAt = noon.Add(-ago) }
}

func TestTheAppStandsByWhileItsServiceIsSwitched(t *testing.T) {
	cases := map[string]struct {
		changes []change
		want    string
	}{
		"not without the setting":      {[]change{isSwitched, func(w *World) { standsBy(w); w.Settings.Standby = false }}, ""},
		"with the switch":              {[]change{standsBy}, "SwitchService PutStandby"},
		"made, and as it should be":    {[]change{isSwitched, standsBy, inPlace}, ""},
		"another pod":                  {[]change{isSwitched, standsBy, inPlace, func(w *World) { w.OriginSlices[0].Endpoints[0].Addresses = []string{"10.1.1.4"} }}, "PutStandby"},
		"no pod that is ready":         {[]change{isSwitched, standsBy, inPlace, func(w *World) { w.OriginSlices[0].Endpoints = nil }}, "DeleteEndpointSlice"},
		"a slice of the origin's gone": {[]change{isSwitched, standsBy, inPlace, func(w *World) { w.OriginSlices = nil }}, "DeleteEndpointSlice"},
		"not yet switched":             {[]change{standsBy, client0(func(c *control.ClientState) { c.Serving = nil })}, ""},
		"the workstation is away":      {[]change{isSwitched, standsBy, inPlace, away}, "RestoreService"},
		"the Intercept is gone":        {[]change{isSwitched, standsBy, inPlace, noIntercept}, "RestoreService DeleteRoleBinding"},
		"the nodes still learn of it":  {[]change{standsBy, inPlace, away, restored(time.Second)}, ""},
		"the nodes know":               {[]change{standsBy, inPlace, away, restored(4 * time.Second)}, "DeleteEndpointSlice"},
		"switched again at once":       {[]change{standsBy, inPlace, restored(time.Second)}, "SwitchService"},
		"the Service is gone":          {[]change{standsBy, inPlace, func(w *World) { w.Service = nil }}, dismantled + " DeleteEndpointSlice"},
		"somebody has put it back":     {[]change{isSwitched, standsBy, inPlace, selectorIs(map[string]string{"app": "cart"})}, "FinishRestore"},
		"a headless Service":           {[]change{standsBy, func(w *World) { w.Service.Spec.ClusterIP = corev1.ClusterIPNone }}, "SwitchService"},
		"on its way out":               {[]change{standsBy, inPlace, away, func(w *World) { now := metav1.NewTime(noon); w.Owned.Slices[0].DeletionTimestamp = &now }}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := kinds(plan(interceptedWorld(t, c.changes...)).Actions); got != c.want {
				t.Errorf("actions: %s\nwant:    %s", got, c.want)
			}
		})
	}
}

// A node's proxy uses pods that are about to end, and serve, only when there is no ready one.
func TestWhatStandsByIsNeverReady(t *testing.T) {
	w := interceptedWorld(t, standsBy)
	s := standbySlice(w.names(), w.originService(), &w.OriginSlices[0])
	if len(s.Endpoints) != 1 || s.Endpoints[0].Addresses[0] != "10.1.1.2" {
		t.Fatalf("%+v", s.Endpoints)
	}
	if c := s.Endpoints[0].Conditions; *c.Ready || !*c.Serving || !*c.Terminating {
		t.Errorf("%+v", c)
	}
	if s.Labels[discoveryv1.LabelServiceName] != "cart" || len(s.OwnerReferences) != 1 || s.OwnerReferences[0].UID != "origin-1" {
		t.Errorf("%+v", s.ObjectMeta)
	}
}

// standing is the slice at the target, nil when there is none.
func (k *cluster) standing() *discoveryv1.EndpointSlice {
	k.t.Helper()
	list := &discoveryv1.EndpointSliceList{}
	must(k.t, k.List(k.t.Context(), list, client.InNamespace(k.namespace), client.MatchingLabels{
		discoveryv1.LabelServiceName: "cart", discoveryv1.LabelManagedBy: v1alpha1.ManagedBy,
	}))
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}

func (k *cluster) waitStanding(address string) {
	k.t.Helper()
	k.eventually("what stands by is "+address, func() (bool, string) {
		s := k.standing()
		if s == nil {
			return address == "", "nothing"
		}
		return len(s.Endpoints) == 1 && s.Endpoints[0].Addresses[0] == address, fmt.Sprintf("%+v", s.Endpoints)
	})
}

// readyToStandBy is a cluster whose operator lets apps stand by, with an Intercept whose agent is ready.
func readyToStandBy(t *testing.T) (*cluster, *v1alpha1.Intercept, *playedAgent) {
	t.Helper()
	k := newCluster(t)
	k.pod("cart-0", map[string]string{"app": "cart"})
	must(t, k.Create(t.Context(), shopService(k.namespace)))
	k.startOperator(withStandby)
	in := k.intercept("one", nil)
	agent := k.playAgent()
	k.status(in, v1alpha1.StateReady)
	return k, in, agent
}

func TestWhatStandsByComesAndGoesWithTheSwitch(t *testing.T) {
	k, in, agent := readyToStandBy(t)
	if s := k.standing(); s != nil {
		t.Fatalf("before the switch there is %s", s.Name)
	}
	agent.client(in, true, 80)
	k.waitSwitched()
	k.waitStanding("10.254.7.1")

	n := namesFor(k.service("cart").UID, "cart")
	of := &discoveryv1.EndpointSlice{}
	must(t, k.Get(t.Context(), client.ObjectKey{Namespace: k.namespace, Name: n.origin() + "-test"}, of))
	of.Endpoints[0].Addresses = []string{"10.254.7.99"}
	must(t, k.Update(t.Context(), of))
	k.waitStanding("10.254.7.99")

	agent.client(in, false)
	k.status(in, v1alpha1.StateDetached)
	k.waitStanding("")
	agent.client(in, true, 80)
	k.waitStanding("10.254.7.99")

	// An operator that may not write them leaves them to the garbage collector.
	k.stop()
	k.startOperator()
	must(t, k.Delete(t.Context(), in))
	k.waitNothingLeft()
	k.waitStanding("")
}

func TestASessionGoesOnWithoutWhatStandsBy(t *testing.T) {
	k, in, agent := readyToStandBy(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: "full"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/endpointslices.discovery.k8s.io": resource.MustParse("0")}},
	}
	must(t, k.Create(t.Context(), quota))
	k.eventually("the quota holds", func() (bool, string) {
		must(t, k.Get(t.Context(), client.ObjectKeyFromObject(quota), quota))
		return len(quota.Status.Hard) > 0, fmt.Sprintf("%+v", quota.Status)
	})
	agent.client(in, true, 80)
	k.status(in, v1alpha1.StateLive)
	if s := k.standing(); s != nil {
		t.Fatalf("the quota has room for %s", s.Name)
	}
}
