package live

import (
	"context"
	"maps"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/kubetunnel/kubetunnel/test/chart/helm"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// installed are the kinds of which the chart has objects.
var installed = []schema.GroupVersionResource{
	{Version: "v1", Resource: "serviceaccounts"},
	{Version: "v1", Resource: "secrets"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "pods"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
	{Group: "batch", Version: "v1", Resource: "jobs"},
	{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"},
}

// loadChart loads the chart anew, so that a test may change it.
func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := helm.Load(world.Root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func connect(t *testing.T) *helm.Client {
	t.Helper()
	c, err := helm.Connect(world.Kubeconfig, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// values are the chart's defaults, with the image that was built, and the right of the
// ordinary user to debug in the shop; more are put over them.
func values(more helm.Values) helm.Values {
	ref, policy := world.OperatorImage()
	at := strings.LastIndex(ref, ":")
	v := helm.Values{
		"image": helm.Values{"repository": ref[:at], "tag": ref[at+1:], "pullPolicy": policy},
		"developers": []any{helm.Values{
			"name": "test", "namespaces": []any{shop}, "subjects": []any{helm.Values{"kind": "User", "name": user}},
		}},
	}
	maps.Copy(v, more)
	return v
}

// install installs the release; whatever a failed test leaves of it is removed.
func install(ctx context.Context, t *testing.T, h *helm.Client, of *chart.Chart, v helm.Values) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := h.Status(); err == nil {
			if err := h.Uninstall(); err != nil {
				t.Errorf("uninstall at the end: %v", err)
			}
		}
	})
	if _, err := h.Install(ctx, of, v, false); err != nil {
		t.Fatal(err)
	}
}

// waitNothingInstalled waits until nothing is left of the release and of intercepts, but
// for the type, which is kept.
func waitNothingInstalled(ctx context.Context, t *testing.T) {
	t.Helper()
	client, err := metadata.NewForConfig(world.Rest)
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.Wait(ctx, "the release to leave nothing", func() (bool, error) {
		left, err := world.Left(ctx, shop)
		if err != nil {
			return false, err
		}
		for _, resource := range installed {
			for _, selector := range []string{"app.kubernetes.io/part-of=kubetunnel", "app.kubernetes.io/name=kubetunnel-operator", "app.kubernetes.io/name=kubetunnel-uninstall"} {
				list, err := client.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: selector})
				if err != nil {
					return false, err
				}
				for _, o := range list.Items {
					left = append(left, resource.Resource+"/"+o.Name)
				}
			}
		}
		return len(left) == 0, &leftError{left}
	})
	if err != nil {
		t.Fatal(err)
	}
}

type leftError struct{ objects []string }

func (e *leftError) Error() string { return "left are " + strings.Join(e.objects, ", ") }
