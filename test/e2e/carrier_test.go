package e2e

import (
	"context"
	"testing"

	admission "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestTunnelGoesThroughTheProxyAndByPortForwardWhereThatIsForbidden(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	debugCart(ctx, t, e, "proxied")
	if got := e.Session("proxied").Carrier; got != protocol.CarrierProxy {
		t.Errorf("the tunnel goes by %q, want %q", got, protocol.CarrierProxy)
	}
	stopSession(ctx, t, e, "proxied")

	forbidProxy(ctx, t)
	debugCart(ctx, t, e, "forwarded")
	if got := e.Session("forwarded").Carrier; got != protocol.CarrierPortForward {
		t.Errorf("the tunnel goes by %q, want %q", got, protocol.CarrierPortForward)
	}
	waitServedBy(ctx, t, true)
	stopSession(ctx, t, e, "forwarded")
	restored()
	waitServedBy(ctx, t, false)
}

// forbidProxy refuses connections through the API server's proxy to pods of the
// shop until the test ends, as a cluster's policy may.
func forbidProxy(ctx context.Context, t *testing.T) {
	t.Helper()
	policies := world.Kube.AdmissionregistrationV1()
	meta := metav1.ObjectMeta{Name: "kt-test-no-proxy"}
	fail := admission.Fail
	_, err := policies.ValidatingAdmissionPolicies().Create(ctx, &admission.ValidatingAdmissionPolicy{
		ObjectMeta: meta,
		Spec: admission.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admission.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": shop}},
				ResourceRules: []admission.NamedRuleWithOperations{{RuleWithOperations: admission.RuleWithOperations{
					Operations: []admission.OperationType{admission.Connect},
					Rule:       admission.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/proxy"}},
				}}},
			},
			Validations: []admission.Validation{{Expression: "false", Message: "no proxy here"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = policies.ValidatingAdmissionPolicies().Delete(context.WithoutCancel(ctx), meta.Name, metav1.DeleteOptions{})
		_ = policies.ValidatingAdmissionPolicyBindings().Delete(context.WithoutCancel(ctx), meta.Name, metav1.DeleteOptions{})
	})
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(ctx, &admission.ValidatingAdmissionPolicyBinding{
		ObjectMeta: meta,
		Spec:       admission.ValidatingAdmissionPolicyBindingSpec{PolicyName: meta.Name, ValidationActions: []admission.ValidationAction{admission.Deny}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pods, err := world.Kube.CoreV1().Pods(shop).List(ctx, metav1.ListOptions{LabelSelector: "app=cart"})
	if err != nil || len(pods.Items) == 0 {
		t.Fatalf("no pod of cart: %v", err)
	}
	err = cluster.Wait(ctx, "the policy's refusal", func() (bool, error) {
		_, err := world.Kube.CoreV1().Pods(shop).ProxyGet("http", pods.Items[0].Name, "8080", "healthz", nil).DoRaw(ctx)
		return apierrors.IsForbidden(err) || apierrors.IsInvalid(err), err
	})
	if err != nil {
		t.Fatal(err)
	}
}
