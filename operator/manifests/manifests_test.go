package manifests

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

func objects(t *testing.T, o Options) []unstructured.Unstructured {
	t.Helper()
	out, err := Objects(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func find(t *testing.T, kind, name string, o Options, into any) {
	t.Helper()
	for _, u := range objects(t, o) {
		if u.GetKind() == kind && u.GetName() == name {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no %s %s", kind, name)
}

func TestWhatIsInstalledAndInWhichOrder(t *testing.T) {
	var kinds []string
	for _, u := range objects(t, Options{}) {
		kinds = append(kinds, u.GetKind())
		if u.GetLabels()["app.kubernetes.io/part-of"] != "kubetunnel" {
			t.Errorf("%s %s has no label", u.GetKind(), u.GetName())
		}
		if _, made := u.GetLabels()[v1alpha1.LabelTarget]; made {
			t.Errorf("%s %s looks like an intercept's", u.GetKind(), u.GetName())
		}
	}
	want := "CustomResourceDefinition Namespace ServiceAccount Secret Lease ClusterRole ClusterRoleBinding Role RoleBinding ClusterRole " +
		"ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding PodDisruptionBudget Deployment"
	if got := strings.Join(kinds, " "); got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
}

func TestOptionsReachTheDeployment(t *testing.T) {
	var d appsv1.Deployment
	find(t, "Deployment", v1alpha1.OperatorName, Options{Image: "reg/kt:1", PullPolicy: "Never", Version: "1.2.3+x", DenyInherit: true, LogLevel: "debug"}, &d)
	c := d.Spec.Template.Spec.Containers[0]
	if c.Image != "reg/kt:1" || c.ImagePullPolicy != "Never" {
		t.Errorf("%+v", c)
	}
	if want := []string{"--agent-image=reg/kt:1", "--agent-image-pull-policy=Never", "--inherit=", "--log-level=debug"}; !slices.Equal(c.Args, want) {
		t.Errorf("%q", c.Args)
	}
	if d.Labels["app.kubernetes.io/version"] != "1.2.3_x" || d.Annotations[VersionAnnotation] != "1.2.3+x" || d.Namespace != v1alpha1.OperatorNamespace {
		t.Errorf("%+v", d.ObjectMeta)
	}
}

func TestTheOperatorNeitherReadsSecretsNorMayDoEverything(t *testing.T) {
	var role rbacv1.ClusterRole
	find(t, "ClusterRole", v1alpha1.OperatorName, Options{}, &role)
	for _, r := range role.Rules {
		if slices.Contains(r.Verbs, "*") || slices.Contains(r.Resources, "*") || slices.Contains(r.APIGroups, "*") {
			t.Errorf("a wildcard: %+v", r)
		}
		for _, verb := range []string{"get", "list", "watch"} {
			if slices.Contains(r.Resources, "secrets") && slices.Contains(r.Verbs, verb) {
				t.Errorf("it may %s Secrets", verb)
			}
		}
		for _, verb := range []string{"escalate", "bind", "impersonate"} {
			if slices.Contains(r.Verbs, verb) {
				t.Errorf("it may %s", verb)
			}
		}
	}
}
