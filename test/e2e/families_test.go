package e2e

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// In a cluster of both families, IPv6 is as good as IPv4: calls of both reach the
// debuggee, which reaches a Service by its IPv6 address; and the origin behind it is
// reached by both before and after.
func TestADualStackServiceIsInterceptedByBothFamilies(t *testing.T) {
	ctx := testContext(t)
	namespace := unique("families")
	if err := world.Shop(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := world.Grant(ctx, namespace, user); err != nil {
		t.Fatal(err)
	}
	prices, cart := widen(ctx, t, namespace, "prices"), widen(ctx, t, namespace, "cart")
	waitCart(ctx, t, namespace, cart, false)
	restored := remember(ctx, t, namespace, "cart")
	e, port := openEditor(ctx, t), freePort(ctx, t)
	// The last address is the IPv6 one, where there is one.
	listen, pricesURL := netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)).String(), "http://"+hostOf(t, prices[len(prices)-1])
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
	stopSession(ctx, t, e, "families")
	waitCart(ctx, t, namespace, cart, false)
	restored()
	waitNothingLeft(ctx, t, namespace)
}

// widen gives a Service addresses of both families, and tells them. A cluster that is not
// the tests' own, or a kernel, may have only one; the tests' own has both.
func widen(ctx context.Context, t *testing.T, namespace, name string) []string {
	t.Helper()
	widened := func(policy corev1.IPFamilyPolicy) (*corev1.Service, error) {
		patch := []byte(`{"spec":{"ipFamilyPolicy":"` + string(policy) + `"}}`)
		return world.Kube.CoreV1().Services(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	service, err := widened(corev1.IPFamilyPolicyRequireDualStack)
	if _, noIPv6 := os.Stat("/proc/sys/net/ipv6"); apierrors.IsInvalid(err) && (!world.Own() || noIPv6 != nil) {
		t.Logf("the cluster has one family: %v", err)
		service, err = widened(corev1.IPFamilyPolicyPreferDualStack)
	}
	if err != nil {
		t.Fatal(err)
	}
	return service.Spec.ClusterIPs
}

// waitCart waits until cart answers at each of its addresses, from where it should.
func waitCart(ctx context.Context, t *testing.T, namespace string, addresses []string, workstation bool) {
	t.Helper()
	for _, address := range addresses {
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
