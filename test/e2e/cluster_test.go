package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const oddServices = `apiVersion: v1
kind: Service
metadata: {name: external}
spec: {type: ExternalName, externalName: example.com, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: manual}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: members}
spec: {clusterIP: None, selector: {app: members}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: members}
spec:
  serviceName: members
  selector: {matchLabels: {app: members}}
  template:
    metadata: {labels: {app: members}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: web
        image: shop.example/web:dev
        imagePullPolicy: Never
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        ports: [{name: http, containerPort: 8080}]`

func TestPreflightTellsEveryCauseByItsNumber(t *testing.T) {
	ctx := testContext(t)
	const namespace = "e2e-odd"
	if err := world.Namespace(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := world.Grant(ctx, namespace, user); err != nil {
		t.Fatal(err)
	}
	if err := world.Apply(ctx, namespace, oddServices); err != nil {
		t.Fatal(err)
	}
	if err := world.Namespace(ctx, "e2e-foreign"); err != nil {
		t.Fatal(err)
	}
	e := openEditor(ctx, t)
	// The members' names are known when their pod is.
	err := cluster.Wait(ctx, "the StatefulSet's endpoints", func() (bool, error) {
		slices, err := world.Kube.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=members"})
		return err == nil && len(slices.Items) > 0 && len(slices.Items[0].Endpoints) > 0, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		target protocol.Target
		want   protocol.ErrorCode
	}{
		"unknown context":    {protocol.Target{Context: "nowhere", Service: "cart"}, protocol.CodeUnknownContext},
		"no Service named":   {protocol.Target{Namespace: shop}, protocol.CodeServiceNotFound},
		"Service not found":  {protocol.Target{Namespace: shop, Service: "nope"}, protocol.CodeServiceNotFound},
		"ExternalName":       {protocol.Target{Namespace: namespace, Service: "external"}, protocol.CodeServiceNoSelector},
		"manual endpoints":   {protocol.Target{Namespace: namespace, Service: "manual"}, protocol.CodeServiceNoSelector},
		"no ready pod":       {protocol.Target{Namespace: namespace, Service: "nobody"}, protocol.CodeNoReadyPod},
		"governing headless": {protocol.Target{Namespace: namespace, Service: "members"}, protocol.CodeServiceHeadless},
		"unknown port":       {protocol.Target{Namespace: shop, Service: "cart", Port: "81"}, protocol.CodeUnknownPort},
		"no permission":      {protocol.Target{Namespace: "e2e-foreign", Service: "cart"}, protocol.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := e.Server.Preflight(ctx, &protocol.PreflightParams{Target: row.target})
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Diagnostics) == 0 || found.Diagnostics[0].Code != row.want || found.Diagnostics[0].Severity != protocol.SeverityError {
				t.Errorf("got %+v, want %d first", found.Diagnostics, row.want)
			}
			_, err = e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: name, Target: row.target, Command: &protocol.Command{Args: []string{"true"}}})
			if codeOf(err) != row.want {
				t.Errorf("start: got %v, want %d", err, row.want)
			}
		})
	}
}

func TestSecondSessionOnAServiceIsRefusedAndHarmless(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	first := openEditor(ctx, t)
	_, _ = debugCart(ctx, t, first, "first")
	second := openEditor(ctx, t)
	_, err := second.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "second", Target: cartTarget(), Launch: launchCart(t)})
	if codeOf(err) != protocol.CodeAlreadyIntercepted || !strings.Contains(err.Error(), user) {
		t.Errorf("got %v", err)
	}
	waitServedBy(ctx, t, true)
	services, err := second.Server.ListServices(ctx, &protocol.ListServicesParams{Namespace: shop})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range services.Services {
		if s.Name == "cart" && (s.Intercept == nil || s.Intercept.User != user || s.Intercept.State != "Live") {
			t.Errorf("cart is told as %+v", s.Intercept)
		}
	}
	if _, err := first.Server.StopSession(ctx, &protocol.SessionParams{ID: "first"}); err != nil {
		t.Fatal(err)
	}
	restored()
}

func TestNoNewConnectionFailsAtStartAndStop(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	measured := make(chan error, 1)
	go func() {
		raw, err := world.Ask(ctx, shop, "GET", "bench", url.Values{"mode": {"connect"}, "conns": {"2"}, "seconds": {"15"}, "url": {"http://cart/healthz"}})
		var m struct{ Requests, Failed int64 }
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		if err == nil && (m.Failed > 0 || m.Requests == 0) {
			err = fmt.Errorf("%d of %d requests failed", m.Failed, m.Requests)
		}
		measured <- err
	}()
	for _, id := range []string{"one", "two"} {
		_, _ = debugCart(ctx, t, e, id)
		if _, err := e.Server.StopSession(ctx, &protocol.SessionParams{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-measured; err != nil {
		t.Error(err)
	}
	restored()
}

func TestNamespaceDeletedInMidSessionGoes(t *testing.T) {
	ctx := testContext(t)
	const namespace = "e2e-doomed"
	if err := world.Shop(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := world.Grant(ctx, namespace, user); err != nil {
		t.Fatal(err)
	}
	e := openEditor(ctx, t)
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: "doomed", Target: protocol.Target{Namespace: namespace, Service: "cart", LocalPort: 18099},
		Command: &protocol.Command{Args: []string{world.Root + "/bin/image/cart"}, Env: map[string]*string{"LISTEN": pointer("127.0.0.1:18099")}},
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
		return err != nil && strings.Contains(err.Error(), "not found"), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func pointer(s string) *string { return &s }

func TestCRDDeletedInMidSessionRestoresTheService(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	_, _ = debugCart(ctx, t, e, "crd")
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
	_, _ = debugCart(ctx, t, e, "uninstall")
	if err := world.Run(ctx, func(s string) { t.Log(s) }, "uninstall"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.InstallOperator(testContext(t), func(string) {}); err != nil {
			t.Errorf("install again: %v", err)
		}
	})
	restored()
	found, err := e.Server.Preflight(ctx, &protocol.PreflightParams{Target: cartTarget()})
	if err != nil || len(found.Diagnostics) == 0 || found.Diagnostics[0].Code != protocol.CodeOperatorMissing {
		t.Errorf("got %+v, %v", found, err)
	}
}
