package live

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/test/chart/helm"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const nextVersion = "0.2.0-next"

// newer is the chart of a later version, whose type says so.
func newer(t *testing.T) *chart.Chart {
	t.Helper()
	c := loadChart(t)
	c.Metadata.Version, c.Metadata.AppVersion = nextVersion, nextVersion
	changed := false
	for _, file := range c.Files {
		if strings.HasPrefix(file.Name, "crd/") {
			text := strings.Replace(string(file.Data), "    - kti\n", "    - kti\n    - ktnext\n", 1)
			file.Data, changed = []byte(text), true
		}
	}
	if !changed {
		t.Fatal("the chart has no type")
	}
	return c
}

// typeNames are the short names of the type in the cluster.
func typeNames(ctx context.Context, t *testing.T) string {
	t.Helper()
	client, err := dynamic.NewForConfig(world.Rest)
	if err != nil {
		t.Fatal(err)
	}
	crd, err := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).
		Get(ctx, "intercepts.kubetunnel.dev", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names, _, err := unstructured.NestedStringSlice(crd.Object, "spec", "names", "shortNames")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func installedVersion(ctx context.Context, t *testing.T) string {
	t.Helper()
	d, err := world.Kube.AppsV1().Deployments(helm.Namespace).Get(ctx, "kubetunnel-operator", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Annotations["kubetunnel.dev/version"]
}

func TestASessionOutlivesUpgradeAndRollbackAndEndsBeforeAnUninstallation(t *testing.T) {
	ctx := testContext(t)
	restored, h := remember(ctx, t), connect(t)
	install(ctx, t, h, loadChart(t), values(nil))
	told, err := h.Status()
	if err != nil || !strings.Contains(told.Info.Notes, "is installed in namespace") || strings.Contains(told.Info.Notes, "kubectl label namespace") {
		t.Errorf("notes, %v:\n%s", err, told.Info.Notes)
	}
	s := runCart(ctx, t)
	startLoad(ctx, t)

	up, err := h.Upgrade(ctx, newer(t), values(helm.Values{"logLevel": "debug"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := installedVersion(ctx, t); got != nextVersion || typeNames(ctx, t) != "kti ktnext" || !strings.Contains(up.Info.Notes, "was brought to this chart's version") {
		t.Errorf("upgraded to %s, type %s; notes:\n%s", got, typeNames(ctx, t), up.Info.Notes)
	}
	allByWorkstation(ctx, t, "the upgrade")

	if err := h.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := installedVersion(ctx, t); got != version.Version || typeNames(ctx, t) != "kti" {
		t.Errorf("rolled back to %s, type %s", got, typeNames(ctx, t))
	}
	allByWorkstation(ctx, t, "the rollback")

	uninstallWithIntercept(ctx, t, h, restored)
	s.waitEnd(ctx, t)
	noneFailed(ctx, t)
	waitNothingInstalled(ctx, t)
	if got := typeNames(ctx, t); got != "kti" {
		t.Errorf("the type that is kept has names %s", got)
	}
}

// uninstallWithIntercept uninstalls, and looks at the Service at the instant when the operator goes.
func uninstallWithIntercept(ctx context.Context, t *testing.T, h *helm.Client, restored func() (bool, error)) {
	t.Helper()
	if back, _ := restored(); back {
		t.Fatal("the Service is not switched")
	}
	deployments, err := world.Kube.AppsV1().Deployments(helm.Namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer deployments.Stop()
	done := make(chan error, 1)
	go func() { done <- h.Uninstall() }()
	for event := range deployments.ResultChan() {
		if event.Type != "DELETED" {
			continue
		}
		if back, err := restored(); !back {
			t.Errorf("the operator went first: %v", err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("the watch ended: %v, %v", ctx.Err(), <-done)
}

// A hook that can't do its work keeps the release, and says why.
func TestAnUninstallationWaitsForTheOperator(t *testing.T) {
	ctx := testContext(t)
	restored, h := remember(ctx, t), connect(t)
	install(ctx, t, h, loadChart(t), values(helm.Values{"replicas": 1, "uninstall": helm.Values{"timeoutSeconds": 10}}))
	s := runCart(ctx, t)
	scale(ctx, t, 0)
	if err := h.Uninstall(); err == nil {
		t.Error("uninstalled with a Service switched")
	} else {
		t.Log(err)
	}
	if log := hookLog(ctx, t); !strings.Contains(log, "the operator has not put all back (is it running?") {
		t.Errorf("the hook's log:\n%s", log)
	}
	if _, err := h.Status(); err != nil {
		t.Errorf("the release: %v", err)
	}
	scale(ctx, t, 1)
	if err := h.Uninstall(); err != nil {
		t.Fatal(err)
	}
	if back, err := restored(); !back {
		t.Error(err)
	}
	s.waitEnd(ctx, t)
	waitNothingInstalled(ctx, t)
}

func scale(ctx context.Context, t *testing.T, replicas int32) {
	t.Helper()
	deployments := world.Kube.AppsV1().Deployments(helm.Namespace)
	s, err := deployments.GetScale(ctx, "kubetunnel-operator", metav1.GetOptions{})
	if err == nil {
		s.Spec.Replicas = replicas
		_, err = deployments.UpdateScale(ctx, "kubetunnel-operator", s, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.Wait(ctx, "the operator to be scaled", func() (bool, error) {
		pods, err := operators(ctx)
		return err == nil && len(pods) == int(replicas), fmt.Errorf("%d pods, %w", len(pods), err)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// operators are the names of the operators' pods.
func operators(ctx context.Context) ([]string, error) {
	list, err := world.Kube.CoreV1().Pods(helm.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=kubetunnel-operator"})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range list.Items {
		names = append(names, p.Name)
	}
	return names, nil
}

func hookLog(ctx context.Context, t *testing.T) string {
	t.Helper()
	pods := world.Kube.CoreV1().Pods(helm.Namespace)
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=kubetunnel-uninstall"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d pods of the hook, %v", len(list.Items), err)
	}
	log, err := pods.GetLogs(list.Items[0].Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}
