package e2e

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// In a cluster of both families, IPv6 is as good as IPv4: calls of both reach the
// debuggee, which reaches a Service by its IPv6 address; and the origin behind it is
// reached by both before and after. A Service may also have IPv6 first, or alone.
func TestServicesOfEveryFamilyAreIntercepted(t *testing.T) {
	ctx := testContext(t)
	namespace := unique("families")
	if err := world.Shop(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := world.Grant(ctx, namespace, user); err != nil {
		t.Fatal(err)
	}
	prices := withFamilies(ctx, t, namespace, "prices", corev1.IPFamilyPolicyRequireDualStack, corev1.IPv4Protocol, corev1.IPv6Protocol)
	for name, families := range map[string][]corev1.IPFamily{
		"IPv4 first": {corev1.IPv4Protocol, corev1.IPv6Protocol},
		"IPv6 first": {corev1.IPv6Protocol, corev1.IPv4Protocol},
		"IPv6 alone": {corev1.IPv6Protocol},
	} {
		t.Run(name, func(t *testing.T) {
			policy := corev1.IPFamilyPolicyRequireDualStack
			if len(families) == 1 {
				policy = corev1.IPFamilyPolicySingleStack
			}
			cart := withFamilies(ctx, t, namespace, "cart", policy, families...)
			interceptByFamilies(ctx, t, namespace, prices, cart)
		})
	}
}

func interceptByFamilies(ctx context.Context, t *testing.T, namespace string, prices, cart *corev1.Service) {
	t.Helper()
	waitCart(ctx, t, namespace, cart, false)
	restored := remember(ctx, t, namespace, "cart")
	e, port := openEditor(ctx, t), freePort(ctx, t)
	// The last address is the IPv6 one, where there is one.
	listen, pricesURL := netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)).String(), "http://"+hostOf(t, prices.Spec.ClusterIPs[len(prices.Spec.ClusterIPs)-1])
	if _, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: "families", Target: protocol.Target{Namespace: namespace, Service: "cart", LocalPort: port},
		Command: &protocol.Command{
			Args: []string{filepath.Join(world.Root, "bin", "image", "cart")},
			Env:  map[string]*string{"LISTEN": &listen, "PRICES_URL": &pricesURL},
		},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitState(ctx, "families", protocol.StateLive); err != nil {
		t.Fatal(err)
	}
	waitCart(ctx, t, namespace, cart, true)
	checkOrigin(ctx, t, namespace, cart)
	stopSession(ctx, t, e, "families")
	waitCart(ctx, t, namespace, cart, false)
	restored()
	waitNothingLeft(ctx, t, namespace)
}

// checkOrigin: what the agent falls back to has the target's families.
func checkOrigin(ctx context.Context, t *testing.T, namespace string, target *corev1.Service) {
	t.Helper()
	services, err := world.Kube.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelManagedBy + "=" + v1alpha1.ManagedBy})
	if err != nil || len(services.Items) != 1 {
		t.Fatalf("one origin Service was expected: %+v, %v", services, err)
	}
	if got := services.Items[0].Spec.IPFamilies; !slices.Equal(got, target.Spec.IPFamilies) {
		t.Errorf("the origin Service has %v, the target %v", got, target.Spec.IPFamilies)
	}
}

// withFamilies makes a Service anew with addresses of these families. A cluster that is
// not the tests' own, or a kernel, may not have them; the tests' own has.
func withFamilies(ctx context.Context, t *testing.T, namespace, name string, policy corev1.IPFamilyPolicy, families ...corev1.IPFamily) *corev1.Service {
	t.Helper()
	services := world.Kube.CoreV1().Services(namespace)
	old, err := services.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := services.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: old.Labels},
		Spec:       corev1.ServiceSpec{Selector: old.Spec.Selector, Ports: old.Spec.Ports, IPFamilyPolicy: &policy, IPFamilies: families},
	}
	made, err := services.Create(ctx, service, metav1.CreateOptions{})
	if _, noIPv6 := os.Stat("/proc/sys/net/ipv6"); apierrors.IsInvalid(err) && (!world.Own() || noIPv6 != nil) {
		t.Logf("the cluster has one family: %v", err)
		service.Spec.IPFamilyPolicy, service.Spec.IPFamilies = nil, nil
		made, err = services.Create(ctx, service, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// waitCart waits until cart answers at each of its addresses, from where it should.
func waitCart(ctx context.Context, t *testing.T, namespace string, cart *corev1.Service, workstation bool) {
	t.Helper()
	for _, address := range cart.Spec.ClusterIPs {
		var answer cartAnswer
		err := cluster.Wait(ctx, "cart's answer at "+address, func() (bool, error) {
			raw, err := world.Call(ctx, namespace, "http://"+hostOf(t, address)+"/cart/ann", true)
			if err == nil {
				err = json.Unmarshal(raw, &answer)
			}
			return err == nil && cluster.AtWorkstation(answer.ServedBy) == workstation, err
		})
		if err != nil {
			t.Fatalf("%v; last answer: %+v", err, answer)
		}
		if answer.Total != 1055 {
			t.Errorf("at %s the cart is of %d cents", address, answer.Total)
		}
	}
}

// hostOf is an address as URLs have it.
func hostOf(t *testing.T, address string) string {
	t.Helper()
	a, err := netip.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if a.Is6() {
		return "[" + address + "]"
	}
	return address
}
