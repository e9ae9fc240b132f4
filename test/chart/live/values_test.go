package live

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"github.com/kubetunnel/kubetunnel/test/chart/helm"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// The operator of some namespaces, with less to inherit, and with metrics.
func TestWhatTheValuesSayHolds(t *testing.T) {
	ctx := testContext(t)
	h := connect(t)
	install(ctx, t, h, loadChart(t), values(helm.Values{
		"replicas": 1, "watchNamespaces": []any{shop}, "metrics": helm.Values{"enabled": true}, "standby": true,
		"inherit": helm.Values{"environment": false, "identity": false},
	}))
	t.Run("a twin has files and nothing of environment and identity", func(t *testing.T) {
		out := inPod(ctx, t, "env; cat /etc/cart/banner.txt; ls /var/run/secrets/kubernetes.io/serviceaccount")
		if there := "Three for two on apples today"; !strings.Contains(out, there) {
			t.Errorf("no %q in\n%s", there, out)
		}
		for _, kept := range []string{"CURRENCY=", "PAYMENT_TOKEN=", "\ntoken\n"} {
			if strings.Contains(out, kept) {
				t.Errorf("%q is in\n%s", kept, out)
			}
		}
	})
	t.Run("the operator has rights where it watches", func(t *testing.T) {
		for namespace, want := range map[string]bool{shop: true, "default": false} {
			if got := operatorMay(ctx, t, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "patch", Resource: "services"}); got != want {
				t.Errorf("in %s it may patch Services: %t", namespace, got)
			}
			if got := operatorMay(ctx, t, writeSlices(namespace)); got != want {
				t.Errorf("in %s it may write EndpointSlices: %t", namespace, got)
			}
		}
	})
	t.Run("metrics are for who may get them", func(t *testing.T) { metricsAreGuarded(ctx, t) })
	t.Run("with nothing to inherit there is no twin", func(t *testing.T) {
		nothing := helm.Values{"environment": false, "files": false, "identity": false}
		upgradeAndReplace(ctx, t, h, values(helm.Values{"replicas": 1, "watchNamespaces": []any{shop}, "inherit": nothing}))
		if out := runIn(ctx, t, nil, "true"); !strings.Contains(out, "do not allow to inherit") {
			t.Errorf("who asks for it is told\n%s", out)
		}
		if out := runIn(ctx, t, []string{"--no-inherit"}, "echo got as far as here"); !strings.Contains(out, "got as far as here") {
			t.Errorf("without it:\n%s", out)
		}
		if operatorMay(ctx, t, writeSlices(shop)) {
			t.Error("without standby it may write EndpointSlices")
		}
	})
	if err := h.Uninstall(); err != nil {
		t.Fatal(err)
	}
	waitNothingInstalled(ctx, t)
}

// upgradeAndReplace upgrades, and waits until the operators of before are gone: Helm waits
// for new ones to be ready, while an old one may still lead by the old values.
func upgradeAndReplace(ctx context.Context, t *testing.T, h *helm.Client, v helm.Values) {
	t.Helper()
	before, err := operators(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Upgrade(ctx, loadChart(t), v); err != nil {
		t.Fatal(err)
	}
	err = cluster.Wait(ctx, "the operators of before to be gone", func() (bool, error) {
		now, err := operators(ctx)
		old := slices.DeleteFunc(now, func(name string) bool { return !slices.Contains(before, name) })
		return err == nil && len(old) == 0, fmt.Errorf("there are still %v, %w", old, err)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func writeSlices(namespace string) authorizationv1.ResourceAttributes {
	return authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "create", Group: "discovery.k8s.io", Resource: "endpointslices"}
}

// operatorMay tells whether the operator has a right.
func operatorMay(ctx context.Context, t *testing.T, what authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + helm.Namespace + ":kubetunnel-operator", ResourceAttributes: &what,
	}}
	got, err := world.Kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return got.Status.Allowed
}

func inPod(ctx context.Context, t *testing.T, script string) string {
	t.Helper()
	return runIn(ctx, t, nil, script)
}

// runIn runs a script in cart's stead, and gives all that it and tunnel-server have written.
func runIn(ctx context.Context, t *testing.T, flags []string, script string) string {
	t.Helper()
	s := runProgram(t, flags, "SCRIPT=1", "sh", "-c", script)
	s.waitEnd(ctx, t)
	return s.out.String()
}

func metricsAreGuarded(ctx context.Context, t *testing.T) {
	t.Helper()
	address := forwardMetrics(ctx, t)
	token, err := world.Kube.CoreV1().ServiceAccounts(shop).CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// All go by one connection: the operator may reset one that it has closed, and a
	// port-forward ends altogether with the first connection that is reset.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it is self-signed
	defer client.CloseIdleConnections()
	get := func(header string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", header)
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, body := get(""); code != http.StatusUnauthorized {
		t.Errorf("a stranger gets %d: %s", code, body)
	}
	if code, body := get("Bearer " + token.Status.Token); code != http.StatusForbidden {
		t.Errorf("who may not gets %d: %s", code, body)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: shop + "-metrics"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "kubetunnel-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: shop, Name: "default"}},
	}
	bindings := world.Kube.RbacV1().ClusterRoleBindings()
	if _, err := bindings.Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bindings.Delete(context.WithoutCancel(ctx), binding.Name, metav1.DeleteOptions{}) }()
	// The API server learns of the binding by watch.
	err = cluster.Wait(ctx, "metrics", func() (bool, error) {
		code, body := get("Bearer " + token.Status.Token)
		return code == http.StatusOK && strings.Contains(body, "controller_runtime_reconcile_total"), fmt.Errorf("%d: %.200s", code, body)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// forwardMetrics gives a local address of the operator's metrics, until the test's end.
func forwardMetrics(ctx context.Context, t *testing.T) string {
	t.Helper()
	pods, err := operators(ctx)
	if err != nil || len(pods) != 1 {
		t.Fatalf("operators %v, %v", pods, err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(world.Rest)
	if err != nil {
		t.Fatal(err)
	}
	target := world.Kube.CoreV1().RESTClient().Post().Namespace(helm.Namespace).Resource("pods").Name(pods[0]).SubResource("portforward").URL()
	stop, ready, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forward, err := portforward.NewOnAddresses(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target), []string{"127.0.0.1"}, []string{"0:8443"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	go func() { over <- forward.ForwardPorts() }()
	t.Cleanup(func() {
		close(stop)
		<-over
	})
	select {
	case <-ready:
	case err := <-over:
		over <- err
		t.Fatal(err)
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	ports, err := forward.GetPorts()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local)
}

// What `tunnel-server install` has installed a release can take over, and does not by accident.
func TestAReleaseTakesOverFromInstall(t *testing.T) {
	ctx := testContext(t)
	if err := world.InstallOperator(ctx, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			_ = world.Run(context.WithoutCancel(ctx), func(line string) { t.Log(line) }, "uninstall")
		}
	})
	h := connect(t)
	if _, err := h.Install(ctx, loadChart(t), values(nil), false); err == nil || !strings.Contains(err.Error(), "exists and cannot be imported into the current release") {
		t.Errorf("got %v", err)
	}
	_ = h.Uninstall() // the failed release, if Helm has kept one
	if _, err := h.Install(ctx, loadChart(t), values(nil), true); err != nil {
		t.Fatal(err)
	}
	s := runCart(ctx, t)
	s.stop(ctx, t)
	if err := h.Uninstall(); err != nil {
		t.Fatal(err)
	}
	waitNothingInstalled(ctx, t)
}
