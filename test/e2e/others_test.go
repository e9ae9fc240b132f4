package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// interceptOf is an Intercept as an engine makes it.
func interceptOf(t *testing.T, name, owner, service string, inherit bool) *unstructured.Unstructured {
	t.Helper()
	key, err := tunnel.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubetunnel.dev/v1alpha1", "kind": "Intercept", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"service": service, "ports": []any{map[string]any{"port": int64(80)}}, "mode": map[string]any{"type": "All"}, "inherit": inherit,
			"client": map[string]any{"user": owner, "host": "elsewhere", "key": string(key.Public())},
		},
	}}
}

// agentPods are the agents of the shop.
func agentPods(ctx context.Context, t *testing.T) []corev1.Pod {
	t.Helper()
	list, err := world.Kube.CoreV1().Pods(shop).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		t.Fatal("no agent runs")
	}
	return list.Items
}

// mustBe fails the test unless it was refused in that way.
func mustBe(t *testing.T, what string, err error, kind func(error) bool, said string) {
	t.Helper()
	if !kind(err) || !strings.Contains(err.Error(), said) {
		t.Errorf("%s: got %v, want a refusal that says %q", what, err, said)
	}
}

func TestInterceptOfAnotherUserCantBeTouched(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	ann := newPerson(ctx, t, "ann")
	ann.grant(ctx, t, "cart", "intercept", "inherit")
	e := openEditor(ctx, t)
	info := goLive(ctx, t, e, serviceOf(ctx, t, "mine", "cart"))
	intercepts := ann.dynamic.Resource(interceptResource).Namespace(shop)

	mustBe(t, "delete", intercepts.Delete(ctx, info.Intercept, metav1.DeleteOptions{}), apierrors.IsForbidden, "belongs to '"+user+"'")
	mustBe(t, "delete of all", intercepts.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}), apierrors.IsForbidden, "cannot deletecollection")
	patch := []byte(`{"spec":{"client":{"user":"` + ann.name + `"}}}`)
	_, err := intercepts.Patch(ctx, info.Intercept, types.MergePatchType, patch, metav1.PatchOptions{})
	mustBe(t, "patch", err, apierrors.IsForbidden, "cannot patch")
	_, err = intercepts.Patch(ctx, info.Intercept, types.MergePatchType, []byte(`{"status":{"agent":null}}`), metav1.PatchOptions{}, "status")
	mustBe(t, "patch of the status", err, apierrors.IsForbidden, "cannot patch")
	there, err := intercepts.Get(ctx, info.Intercept, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = intercepts.Update(ctx, there, metav1.UpdateOptions{})
	mustBe(t, "update", err, apierrors.IsForbidden, "cannot update")
	waitServedBy(ctx, t, true)
	stopSession(ctx, t, e, "mine")
	restored()
}

func TestSpecIsImmutableEvenForAnAdmin(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	info := goLive(ctx, t, e, serviceOf(ctx, t, "fixed", "cart"))
	intercepts := dynamicClient(t).Resource(interceptResource).Namespace(shop)
	for name, patch := range map[string]string{
		"owner":   `{"spec":{"client":{"user":"mallory"}}}`,
		"key":     `{"spec":{"client":{"key":"ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}}`,
		"service": `{"spec":{"service":"prices"}}`,
		"inherit": `{"spec":{"inherit":false}}`,
		"lease":   `{"spec":{"leaseSeconds":3600}}`,
	} {
		_, err := intercepts.Patch(ctx, info.Intercept, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		mustBe(t, name, err, apierrors.IsInvalid, "spec is immutable")
	}
	stopSession(ctx, t, e, "fixed")
	restored()
}

func TestWhoMakesAnInterceptIsWhoOwnsIt(t *testing.T) {
	ctx := testContext(t)
	ann := newPerson(ctx, t, "ann")
	ann.grant(ctx, t, "cart", "intercept")
	intercepts := ann.dynamic.Resource(interceptResource).Namespace(shop)
	for name, row := range map[string]struct {
		object *unstructured.Unstructured
		said   string
	}{
		"owner spoofed":          {interceptOf(t, "spoofed", user, "cart", false), "an Intercept belongs to who makes it"},
		"Service not granted":    {interceptOf(t, "foreign", ann.name, "prices", false), "may not intercept Service prices"},
		"inherit without a verb": {interceptOf(t, "greedy", ann.name, "cart", true), "may not inherit environment, files and identity of Service cart"},
	} {
		t.Run(name, func(t *testing.T) {
			// The pasted Role needs a moment at the API server; a policy's refusal names the rule.
			err := cluster.Wait(ctx, "the policy's answer", func() (bool, error) {
				_, err := intercepts.Create(ctx, row.object, metav1.CreateOptions{})
				return apierrors.IsForbidden(err) && strings.Contains(err.Error(), row.said), err
			})
			if err != nil {
				t.Error(err)
			}
			if _, err := dynamicClient(t).Resource(interceptResource).Namespace(shop).Get(ctx, row.object.GetName(), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("it is there: %v", err)
			}
		})
	}
	waitNothingLeft(ctx, t, shop)
}
