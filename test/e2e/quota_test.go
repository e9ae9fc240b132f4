package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// tightLimits are within what the shop's own pods ask for, and not within what an
// agent would: its request is less than the least, and too small a part of its limit.
const tightLimits = `apiVersion: v1
kind: LimitRange
metadata: {name: tight}
spec:
  limits:
  - type: Container
    default: {cpu: 200m, memory: 64Mi}
    defaultRequest: {cpu: 10m, memory: 16Mi}
    min: {cpu: 10m, memory: 16Mi}
    max: {cpu: 500m, memory: 256Mi}
    maxLimitRequestRatio: {cpu: "20"}
  - type: Pod
    max: {cpu: 250m, memory: 96Mi}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: team}
spec:
  hard: {pods: "8", requests.cpu: "1", requests.memory: 1Gi, limits.cpu: "4", limits.memory: 2Gi, services: "8", secrets: "8", count/deployments.apps: "8"}`

// quotaShop is the shop in a namespace with quota and limits.
func quotaShop(ctx context.Context, t *testing.T) (namespace string) {
	t.Helper()
	namespace = unique("quota")
	for _, err := range []error{
		world.Namespace(ctx, namespace), world.Apply(ctx, namespace, tightLimits), world.Shop(ctx, namespace), world.Grant(ctx, namespace, user),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = world.Kube.CoreV1().Namespaces().Delete(context.WithoutCancel(ctx), namespace, metav1.DeleteOptions{})
	})
	err := cluster.Wait(ctx, "the quota to be counted", func() (bool, error) {
		q, err := world.Kube.CoreV1().ResourceQuotas(namespace).Get(ctx, "team", metav1.GetOptions{})
		return err == nil && len(q.Status.Used) == len(q.Spec.Hard), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return namespace
}

// squeeze sets one limit of the quota, and waits until it holds with what is used now.
func squeeze(ctx context.Context, t *testing.T, namespace string, name corev1.ResourceName, room int64) (undo func()) {
	t.Helper()
	quotas := world.Kube.CoreV1().ResourceQuotas(namespace)
	set := func(change func(*corev1.ResourceQuota)) {
		t.Helper()
		err := cluster.Wait(ctx, "the quota to hold", func() (bool, error) {
			q, err := quotas.Get(ctx, "team", metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			change(q)
			if q, err = quotas.Update(ctx, q, metav1.UpdateOptions{}); err != nil {
				return false, err
			}
			return apiequality.Semantic.DeepEqual(q.Spec.Hard, q.Status.Hard), fmt.Errorf("its status is %v", q.Status.Hard)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	q, err := quotas.Get(ctx, "team", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before, used := q.Spec.Hard[name], q.Status.Used[name]
	set(func(q *corev1.ResourceQuota) {
		q.Spec.Hard[name] = *resource.NewQuantity(used.Value()+room, resource.DecimalSI)
	})
	return func() { set(func(q *corev1.ResourceQuota) { q.Spec.Hard[name] = before }) }
}

func TestSessionInANamespaceWithQuotaAndLimits(t *testing.T) {
	ctx := testContext(t)
	namespace := quotaShop(ctx, t)
	restored := remember(ctx, t, namespace, "cart")
	e := openEditor(ctx, t)
	params := serviceOf(ctx, t, "quota", "cart")
	params.Target.Namespace = namespace
	goLive(ctx, t, e, params)
	stopSession(ctx, t, e, "quota")
	restored()
	waitNothingLeft(ctx, t, namespace)
}

func TestFullQuotaIsToldByNumberWithItsName(t *testing.T) {
	ctx := testContext(t)
	namespace := quotaShop(ctx, t)
	restored := remember(ctx, t, namespace, "cart")
	e := openEditor(ctx, t)
	for _, full := range []corev1.ResourceName{"pods", "limits.memory", "services", "secrets", "count/deployments.apps"} {
		t.Run(string(full), func(t *testing.T) {
			defer squeeze(ctx, t, namespace, full, 0)()
			toldOfQuota(ctx, t, e, namespace, "team", string(full)+"=")
		})
	}
	// Intercepts are a type that is new to the cluster: counted yet or not, there is no room.
	none := "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {" + interceptCount + `: "0"}}`
	if err := world.Apply(ctx, namespace, none); err != nil {
		t.Fatal(err)
	}
	t.Run(interceptCount, func(t *testing.T) { toldOfQuota(ctx, t, e, namespace, "none", interceptCount) })
	restored()
}

const interceptCount = "count/intercepts.kubetunnel.dev"

// toldOfQuota starts a session for which a quota has no room: its error names the quota,
// and what is too much. Nothing is left.
func toldOfQuota(ctx context.Context, t *testing.T, e *servertest.Editor, namespace, quota, what string) {
	t.Helper()
	params := serviceOf(ctx, t, unique("full"), "cart")
	params.Target.Namespace = namespace
	_, err := e.Server.StartSession(ctx, params)
	if err == nil {
		info, waitErr := e.WaitState(ctx, params.ID, protocol.StateFailed)
		if waitErr != nil {
			t.Fatal(waitErr)
		}
		err = info.Error
	}
	var told *protocol.Error
	if !errors.As(err, &told) || told.Code != protocol.CodeQuotaExceeded {
		t.Fatalf("got %v, want KT%d", err, protocol.CodeQuotaExceeded)
	}
	if told.Data.Object == nil || told.Data.Object.String() != "ResourceQuota "+namespace+"/"+quota || told.Data.Fix == nil || !strings.Contains(told.Message, what) {
		t.Errorf("told as %+v", told)
	}
	waitNothingLeft(ctx, t, namespace)
}
