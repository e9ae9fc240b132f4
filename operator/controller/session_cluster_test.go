package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

// maker is a way in which people make Services, and make them again.
type maker struct {
	make  func(k *cluster, svc *corev1.Service) error
	again func(k *cluster, svc *corev1.Service) error
}

var makers = map[string]maker{
	"create": {
		make: func(k *cluster, svc *corev1.Service) error {
			return k.Create(k.t.Context(), svc, client.FieldOwner("kubectl-create"))
		},
		again: func(*cluster, *corev1.Service) error { return nil },
	},
	"client-side apply": {
		make: func(k *cluster, svc *corev1.Service) error {
			manifest, err := json.Marshal(svc)
			if err != nil {
				return err
			}
			svc.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: string(manifest)}
			return k.Create(k.t.Context(), svc, client.FieldOwner("kubectl-client-side-apply"))
		},
		again: func(k *cluster, svc *corev1.Service) error {
			return k.Patch(k.t.Context(), svc.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, []byte(`{"spec":{"selector":{"app":"cart"}}}`)), client.FieldOwner("kubectl-client-side-apply"))
		},
	},
	"server-side apply": {make: serverSideApply, again: serverSideApply},
}

// serverSideApply without force: a conflict is an error.
func serverSideApply(k *cluster, svc *corev1.Service) error {
	return k.Apply(k.t.Context(), client.ApplyConfigurationFromUnstructured(toUnstructured(k.t, svc)), client.FieldOwner("kubectl"))
}

// switchedService tells whether the Service is switched.
func switchedService(svc *corev1.Service) bool {
	return svc != nil && namesFor(svc.UID, svc.Name).isAgentSelector(svc.Spec.Selector) && svc.Annotations[v1alpha1.AnnotationOriginal] != ""
}

func (k *cluster) waitSwitched() {
	k.t.Helper()
	k.eventually("the Service is switched", func() (bool, string) {
		list := &v1alpha1.InterceptList{}
		must(k.t, k.List(k.t.Context(), list, client.InNamespace(k.namespace)))
		var status []v1alpha1.InterceptStatus
		for _, in := range list.Items {
			status = append(status, in.Status)
		}
		svc := k.service("cart")
		return switchedService(svc), fmt.Sprintf("%v, %+v", svc.Spec.Selector, status)
	})
}

// waitUntouched waits until the Service is as before, but for what the server counts up.
func (k *cluster) waitUntouched(before *corev1.Service) {
	k.t.Helper()
	k.eventually("the Service is as it was", func() (bool, string) {
		after := k.service("cart")
		b := before.DeepCopy()
		b.ResourceVersion, after.ResourceVersion = "", ""
		bj, _ := json.Marshal(b)
		aj, _ := json.Marshal(after)
		return apiequality.Semantic.DeepEqual(b, after), fmt.Sprintf("\nbefore %s\nafter  %s", bj, aj)
	})
}

func (k *cluster) waitNothingLeft() {
	k.t.Helper()
	k.eventually("nothing of ours is left", func() (bool, string) {
		for _, list := range ownedLists() {
			must(k.t, k.List(k.t.Context(), list, client.InNamespace(k.namespace), client.HasLabels{v1alpha1.LabelTarget}))
			if n := lenOf(list); n > 0 {
				return false, fmt.Sprintf("%d of %T", n, list)
			}
		}
		return true, ""
	})
}

func TestASessionLeavesTheServiceAsItWas(t *testing.T) {
	for name, m := range makers {
		t.Run(name, func(t *testing.T) {
			k := newCluster(t)
			k.pod("cart-0", map[string]string{"app": "cart"})
			must(t, m.make(k, shopService(k.namespace)))
			before := k.service("cart")
			k.startOperator()

			in := k.intercept("one", nil)
			agent := k.playAgent()
			status := k.status(in, v1alpha1.StateReady)
			if status.Agent == nil || status.Agent.TunnelPort != defaultTunnelPort || len(status.Agent.Ports) != 1 || status.Agent.Ports[0].TargetPort != 8080 || !status.Agent.Inherited {
				t.Fatalf("agent %+v", status.Agent)
			}
			k.checkNetworks(status.Agent.Networks)
			if switchedService(k.service("cart")) {
				t.Fatal("switched before anyone serves")
			}

			agent.client(in, true, 80)
			k.waitSwitched()
			k.status(in, v1alpha1.StateLive)

			// The debuggee is being rebuilt: the agent passes on, the selector stays.
			agent.client(in, true)
			agent.client(in, true, 80)
			k.status(in, v1alpha1.StateLive)

			agent.client(in, false)
			k.status(in, v1alpha1.StateDetached)
			k.waitUntouched(before)

			agent.client(in, true, 80)
			k.waitSwitched()
			must(t, k.Delete(t.Context(), in))
			k.waitUntouched(before)
			k.waitNothingLeft()
			must(t, m.again(k, shopService(k.namespace)))
		})
	}
}

// checkNetworks: what Services and each node's pods have for addresses, of every
// family, is in the ranges.
func (k *cluster) checkNetworks(texts []string) {
	k.t.Helper()
	contained := func(address string) bool {
		return slices.ContainsFunc(texts, func(text string) bool {
			p, err := netip.ParsePrefix(text)
			a, addrErr := netip.ParseAddr(address)
			return err == nil && addrErr == nil && p.Contains(a)
		})
	}
	if address := k.service("cart").Spec.ClusterIP; !contained(address) {
		k.t.Errorf("the Service's address %s is in none of the ranges %v", address, texts)
	}
	var ranges []string
	services := &networkingv1.ServiceCIDRList{}
	if err := k.List(k.t.Context(), services); absent(err) != nil {
		k.t.Fatal(err)
	}
	for _, s := range services.Items {
		ranges = append(ranges, s.Spec.CIDRs...)
	}
	nodes := &corev1.NodeList{}
	must(k.t, k.List(k.t.Context(), nodes))
	for _, node := range nodes.Items {
		ranges = append(ranges, node.Spec.PodCIDRs...)
	}
	for _, text := range ranges {
		if p, err := netip.ParsePrefix(text); err != nil || !contained(p.Addr().Next().String()) {
			k.t.Errorf("the cluster's range %s is in none of %v", text, texts)
		}
	}
}

func TestAnAnnotatedServiceWithoutInterceptIsRestoredAtStart(t *testing.T) {
	k := newCluster(t)
	k.pod("cart-0", map[string]string{"app": "cart"})
	must(t, makers["server-side apply"].make(k, shopService(k.namespace)))
	before := k.service("cart")
	n := namesFor(before.UID, before.Name)
	patch, err := original.SwitchPatch(before, original.Original{Selector: before.Spec.Selector, Agent: n.agentSelector(before.Spec.Selector), Intercept: "gone", UID: "gone"})
	must(t, err)
	must(t, k.Patch(t.Context(), before.DeepCopy(), client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(v1alpha1.ManagedBy)))
	k.waitSwitched()
	k.startOperator()
	k.waitUntouched(before)
}

func TestAnOperatorThatStartsAnewTakesTheSessionOver(t *testing.T) {
	k := newCluster(t)
	k.pod("cart-0", map[string]string{"app": "cart"})
	must(t, k.Create(t.Context(), shopService(k.namespace)))
	before := k.service("cart")
	k.startOperator()
	in := k.intercept("one", nil)
	agent := k.playAgent()
	k.status(in, v1alpha1.StateReady)
	agent.client(in, true, 80)
	k.waitSwitched()
	switchedAt := k.service("cart").ResourceVersion
	k.stop()
	if !switchedService(k.service("cart")) {
		t.Fatal("an operator that stops has restored the Service of a live session")
	}

	k.startOperator()
	// Its word reaches the agent: then it has looked at everything.
	agent.client(in, true)
	first := agent.Observe().Generation
	k.eventually("the new operator speaks to the agent", func() (bool, string) { return agent.Observe().Generation > first, "" })
	k.status(in, v1alpha1.StateLive)
	if got := k.service("cart").ResourceVersion; got != switchedAt {
		t.Fatalf("the Service was written to by the restart: %s, was %s", got, switchedAt)
	}
	k.stop()

	// The Intercept ends while no operator is there.
	must(t, k.Delete(t.Context(), in))
	k.startOperator()
	k.waitUntouched(before)
	k.waitNothingLeft()
}

func TestASelectorThatSomebodyElseChangesIsKept(t *testing.T) {
	k := newCluster(t)
	for _, v := range []string{"v1", "v2"} {
		k.pod("cart-"+v, map[string]string{"app": "cart", "version": v})
	}
	must(t, k.Create(t.Context(), shopService(k.namespace)))
	k.startOperator()
	in := k.intercept("one", nil)
	agent := k.playAgent()
	k.status(in, v1alpha1.StateReady)
	agent.client(in, true, 80)
	k.waitSwitched()

	// The agent's pod has the keys of the first selector only, so that is what others may choose from.
	wanted := map[string]string{"app": "cart"}
	for range maxReverts + 1 {
		k.waitSwitched()
		svc := k.service("cart")
		must(t, k.Patch(t.Context(), svc, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"selector":{"app":"cart"}}}`)), client.FieldOwner("argocd")))
	}
	status := k.status(in, v1alpha1.StateContested)
	if status.Reverts != maxReverts+1 {
		t.Fatalf("%d reverts", status.Reverts)
	}
	k.eventually("hands off", func() (bool, string) {
		svc := k.service("cart")
		return maps.Equal(svc.Spec.Selector, wanted) && svc.Annotations[v1alpha1.AnnotationOriginal] == "", fmt.Sprint(svc.Spec.Selector, svc.Annotations)
	})
	for _, f := range k.service("cart").ManagedFields {
		if f.Manager == v1alpha1.ManagedBy {
			t.Fatalf("we still own %s", f.FieldsV1.Raw)
		}
	}
}

func TestAnEngineThatStaysAwayIsGivenUp(t *testing.T) {
	k := newCluster(t)
	k.pod("cart-0", map[string]string{"app": "cart"})
	must(t, k.Create(t.Context(), shopService(k.namespace)))
	before := k.service("cart")
	k.startOperator()
	in := k.intercept("one", func(in *v1alpha1.Intercept) { in.Spec.LeaseSeconds = 5 })
	agent := k.playAgent()
	k.status(in, v1alpha1.StateReady)
	agent.client(in, true, 80)
	k.waitSwitched()
	agent.client(in, false)
	k.waitUntouched(before)
	k.eventually("the Intercept is deleted", func() (bool, string) {
		err := k.Get(t.Context(), client.ObjectKeyFromObject(in), &v1alpha1.Intercept{})
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
	k.waitNothingLeft()
}

func TestADeletedServiceTakesTheAgentWithIt(t *testing.T) {
	k := newCluster(t)
	k.pod("cart-0", map[string]string{"app": "cart"})
	svc := shopService(k.namespace)
	must(t, k.Create(t.Context(), svc))
	k.startOperator()
	in := k.intercept("one", nil)
	agent := k.playAgent()
	k.status(in, v1alpha1.StateReady)
	agent.client(in, true, 80)
	k.waitSwitched()
	must(t, k.Delete(t.Context(), svc))
	if s := k.status(in, v1alpha1.StateRefused); s.Agent != nil {
		t.Fatalf("agent %+v", s.Agent)
	}
	k.waitNothingLeft()
}

func TestANamespaceWithALiveSessionCanBeDeleted(t *testing.T) {
	k := newCluster(t)
	k.pod("cart-0", map[string]string{"app": "cart"})
	must(t, k.Create(t.Context(), shopService(k.namespace)))
	k.startOperator()
	in := k.intercept("one", nil)
	agent := k.playAgent()
	k.status(in, v1alpha1.StateReady)
	agent.client(in, true, 80)
	k.waitSwitched()
	ns := &corev1.Namespace{}
	ns.Name = k.namespace
	must(t, k.Delete(t.Context(), ns))
	k.eventually("the namespace is gone", func() (bool, string) {
		// Nobody runs these pods, so nobody but the test ends them.
		pods := &corev1.PodList{}
		must(t, k.List(t.Context(), pods, client.InNamespace(k.namespace)))
		for i := range pods.Items {
			_ = k.Delete(t.Context(), &pods.Items[i], client.GracePeriodSeconds(0))
		}
		err := k.Get(t.Context(), client.ObjectKeyFromObject(ns), ns)
		return apierrors.IsNotFound(err), fmt.Sprintf("%+v, %v", ns.Status, err)
	})
}

func TestASecondInterceptIsRefusedWithTheNameOfTheFirst(t *testing.T) {
	k := newCluster(t)
	k.pod("cart-0", map[string]string{"app": "cart"})
	must(t, k.Create(t.Context(), shopService(k.namespace)))
	k.startOperator()
	first := k.intercept("one", nil)
	k.playAgent()
	k.status(first, v1alpha1.StateReady)
	second := k.intercept("two", func(in *v1alpha1.Intercept) { in.Spec.Client.User = "bo" })
	s := k.status(second, v1alpha1.StateRefused)
	if s.Conditions[0].Reason != v1alpha1.ReasonAlreadyIntercepted || s.Message != "Service cart is intercepted by ana on laptop (Intercept one)" {
		t.Fatalf("%+v", s)
	}
	k.status(first, v1alpha1.StateReady)
	must(t, k.Delete(t.Context(), first))
	k.status(second, v1alpha1.StateReady)
}
