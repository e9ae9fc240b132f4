package e2e

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
        imagePullPolicy: IfNotPresent
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        ports: [{name: http, containerPort: 8080}]`

func TestPreflightTellsEveryCauseByItsNumber(t *testing.T) {
	ctx := testContext(t)
	namespace := unique("odd")
	foreign := unique("foreign")
	if err := world.Namespace(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	if err := world.Grant(ctx, namespace, user); err != nil {
		t.Fatal(err)
	}
	if err := world.Apply(ctx, namespace, oddServices); err != nil {
		t.Fatal(err)
	}
	if err := world.Namespace(ctx, foreign); err != nil {
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
		"no permission":      {protocol.Target{Namespace: foreign, Service: "cart"}, protocol.CodeForbidden},
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
