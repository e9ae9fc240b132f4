package e2e

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestNamespaceDeletedInMidSessionGoes(t *testing.T) {
	ctx := testContext(t)
	namespace, port := unique("doomed"), freePort(ctx, t)
	if err := world.Shop(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := world.Grant(ctx, namespace, user); err != nil {
		t.Fatal(err)
	}
	e, listen := openEditor(ctx, t), listenOn(port)
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: "doomed", Target: protocol.Target{Namespace: namespace, Service: "cart", LocalPort: port},
		Command: &protocol.Command{Args: []string{world.Root + "/bin/image/cart"}, Env: map[string]*string{"LISTEN": &listen}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitState(ctx, started.Session.ID, protocol.StateLive); err != nil {
		t.Fatal(err)
	}
	if err := world.Kube.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitState(ctx, "doomed", protocol.StateFailed, protocol.StateEnded); err != nil {
		t.Error(err)
	}
	err = cluster.Wait(ctx, "the namespace to go", func() (bool, error) {
		_, err := world.Kube.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		return apierrors.IsNotFound(err), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCRDDeletedInMidSessionRestoresTheService(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	debugCart(ctx, t, e, "crd")
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	if err := dynamicClient(t).Resource(crds).Delete(ctx, "intercepts.kubetunnel.dev", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.InstallOperator(testContext(t), func(string) {}); err != nil {
			t.Errorf("install again: %v", err)
		}
	})
	restored()
	if _, err := e.WaitState(ctx, "crd", protocol.StateFailed, protocol.StateEnded); err != nil {
		t.Error(err)
	}
	waitNothingLeft(ctx, t, shop)
}

func TestUninstallPutsServicesBackFirstAndItsAbsenceIsTold(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	debugCart(ctx, t, e, "uninstall")
	if err := world.Run(ctx, func(s string) { t.Log(s) }, "uninstall"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.InstallOperator(testContext(t), func(string) {}); err != nil {
			t.Errorf("install again: %v", err)
		}
	})
	restored()
	found, err := e.Server.Preflight(ctx, &protocol.PreflightParams{Target: protocol.Target{Namespace: shop, Service: "cart"}})
	if err != nil || len(found.Diagnostics) == 0 || found.Diagnostics[0].Code != protocol.CodeOperatorMissing {
		t.Errorf("got %+v, %v", found, err)
	}
}
