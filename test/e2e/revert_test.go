package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// revert is the command, by somebody.
func revert(ctx context.Context, kubeconfig string) (said string, err error) {
	out, err := exec.CommandContext(ctx, world.Server, "--kubeconfig", kubeconfig, "revert", shop+"/cart").CombinedOutput() //nolint:gosec // our own
	return string(out), err
}

// The operator runs: it would switch the Service to an intercept again that goes on.
func TestRevertEndsTheIntercept(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	goLive(ctx, t, e, serviceOf(ctx, t, "mine", "cart"))
	waitServedBy(ctx, t, true)
	if said, err := revert(ctx, kubeconfig); err != nil || said != "Service "+shop+"/cart is the origin's\n" {
		t.Fatalf("%v\n%s", err, said)
	}
	info, err := e.WaitState(ctx, "mine", protocol.StateEnded, protocol.StateFailed)
	if err != nil {
		t.Fatal(err)
	}
	if info.Error == nil || info.Error.Code != protocol.CodeInterceptGone {
		t.Errorf("the session ends with %+v", info.Error)
	}
	restored()
	waitServedBy(ctx, t, false)
	waitNothingLeft(ctx, t, shop)
}

func TestRevertTellsWhoseInterceptGoesOn(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	ann := newPerson(ctx, t, "ann")
	ann.grant(ctx, t, "cart", "intercept")
	// One who may put a Service back by hand.
	patcher := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: ann.name + "-patches", Namespace: shop},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"get", "patch"}}},
	}
	if _, err := world.Kube.RbacV1().Roles(shop).Create(ctx, patcher, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = world.Kube.RbacV1().Roles(shop).Delete(context.WithoutCancel(ctx), patcher.Name, metav1.DeleteOptions{})
	})
	if err := world.Bind(ctx, shop, ann.name, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: patcher.Name}); err != nil {
		t.Fatal(err)
	}
	info := goLive(ctx, t, e, serviceOf(ctx, t, "held", "cart"))
	said, err := revert(ctx, ann.kubeconfig)
	if err == nil || !strings.Contains(said, "KT1401") || !strings.Contains(said, user+" on ") || !strings.Contains(said, "kubectl delete intercept -n "+shop+" "+info.Intercept) {
		t.Errorf("%v\n%s", err, said)
	}
	waitServedBy(ctx, t, true) // the operator has switched it once more
	stopSession(ctx, t, e, "held")
	restored()
}
