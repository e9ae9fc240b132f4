package chart

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubetunnel/kubetunnel/test/chart/helm"
)

// made are all objects of some values, the hooks' among them.
func made(t *testing.T, values helm.Values) []unstructured.Unstructured {
	t.Helper()
	r := template(t, values)
	manifest := r.Manifest
	for _, hook := range r.Hooks {
		manifest += "\n---\n" + hook.Manifest
	}
	objects, err := helm.Objects(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// The API server drops a field that it does not know, and says nothing.
func TestEveryFieldIsKnownToKubernetes(t *testing.T) {
	for name, values := range valuesFiles(t) {
		for _, u := range made(t, values) {
			typed, err := scheme.Scheme.New(u.GroupVersionKind())
			if runtime.IsNotRegisteredError(err) {
				continue // the CustomResourceDefinition and the ServiceMonitor
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, typed, true); err != nil {
				t.Errorf("values %s: %s %s: %v", name, u.GetKind(), u.GetName(), err)
			}
		}
	}
}

func podsOf(t *testing.T, u unstructured.Unstructured) *corev1.PodSpec {
	t.Helper()
	convert := func(into any) {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
			t.Fatal(err)
		}
	}
	switch u.GetKind() {
	case "Deployment":
		var d appsv1.Deployment
		convert(&d)
		return &d.Spec.Template.Spec
	case "Job":
		var j batchv1.Job
		convert(&j)
		return &j.Spec.Template.Spec
	}
	return nil
}

func TestEveryPodIsOfTheRestrictedProfile(t *testing.T) {
	for name, values := range valuesFiles(t) {
		seen := 0
		for _, u := range made(t, values) {
			spec := podsOf(t, u)
			if spec == nil {
				continue
			}
			seen++
			s := spec.SecurityContext
			if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("values %s: %s %s: %+v", name, u.GetKind(), u.GetName(), s)
			}
			for _, c := range spec.Containers {
				if c := c.SecurityContext; c == nil || c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation || c.Capabilities == nil || len(c.Capabilities.Drop) != 1 || c.Capabilities.Drop[0] != "ALL" {
					t.Errorf("values %s: %s %s: %+v", name, u.GetKind(), u.GetName(), c)
				}
			}
		}
		if seen == 0 {
			t.Errorf("values %s: no pods", name)
		}
	}
}

func TestNobodyHasAWildcardOrMayRaiseThemselves(t *testing.T) {
	for name, values := range valuesFiles(t) {
		for _, u := range made(t, values) {
			if u.GetKind() != "Role" && u.GetKind() != "ClusterRole" {
				continue
			}
			var role rbacv1.ClusterRole
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &role); err != nil {
				t.Fatal(err)
			}
			for _, rule := range role.Rules {
				all := strings.Join(append(append(append([]string{}, rule.Verbs...), rule.Resources...), rule.APIGroups...), " ")
				for _, bad := range []string{"*", "escalate", "bind", "impersonate"} {
					for _, word := range strings.Fields(all) {
						if word == bad {
							t.Errorf("values %s: %s %s has %s: %v", name, u.GetKind(), u.GetName(), bad, rule)
						}
					}
				}
			}
		}
	}
}

// outside are what is looked at outside of all namespaces.
var outside = map[string]bool{"customresourcedefinitions": true, "servicecidrs": true, "nodes": true}

// With a list of namespaces nothing but the type itself and the cluster's ranges is looked at outside of them.
func TestWithNamespacesThereAreRolesInPlaceOfTheClusterRole(t *testing.T) {
	roles := map[string]bool{}
	for _, u := range made(t, helm.Values{"watchNamespaces": []any{"shop", "stage"}}) {
		if u.GetKind() == "Role" {
			roles[u.GetNamespace()+"/"+u.GetName()] = true
		}
		if u.GetKind() != "ClusterRole" || u.GetName() == "kubetunnel-developer" {
			continue
		}
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			if len(rule.Resources) != 1 || !outside[rule.Resources[0]] {
				t.Errorf("%s has %v", role.Name, rule)
			}
		}
	}
	for _, namespace := range []string{"shop", "stage"} {
		for _, name := range []string{"kubetunnel-operator-intercepts", "kubetunnel-uninstall"} {
			if !roles[namespace+"/"+name] {
				t.Errorf("no Role %s in %s: %v", name, namespace, roles)
			}
		}
	}
}
