package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

func TestListOfServicesWaitsUntilThereIsAnother(t *testing.T) {
	ctx := testContext(t)
	e := openEditor(ctx, t)
	first := listServices(ctx, t, e, "")
	waiting := waitForServices(ctx, e, first.Revision)

	// What is not told of a Service is no change.
	pods, err := world.Kube.CoreV1().Pods(shop).List(ctx, metav1.ListOptions{})
	if err != nil || len(pods.Items) == 0 {
		t.Fatal(pods, err)
	}
	if _, err := world.Kube.CoreV1().Pods(shop).Patch(ctx, pods.Items[0].Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"follow":"1"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	services := world.Kube.CoreV1().Services(shop)
	extra := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "extra"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}, Selector: map[string]string{"app": "extra"}}}
	if _, err := services.Create(ctx, extra, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.Delete(context.WithoutCancel(ctx), "extra", metav1.DeleteOptions{}) })
	second := <-waiting
	if second.err != nil || !names(second.result, "extra") {
		t.Fatalf("%+v %v", second.result, second.err)
	}
	// What has changed before the question is told at once.
	if err := services.Delete(ctx, "extra", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	third := listServices(ctx, t, e, second.result.Revision)
	if names(third, "extra") {
		t.Errorf("%+v", third)
	}
	// A revision of another server is none.
	if again := listServices(ctx, t, e, "something else"); names(again, "extra") {
		t.Errorf("%+v", again)
	}
	asking, cancel := context.WithCancel(ctx)
	waiting = waitForServices(asking, e, third.Revision)
	cancel()
	if got := <-waiting; got.err == nil {
		t.Errorf("%+v", got.result)
	}
}

func TestListOfServicesTellsWhoInterceptsAsItChanges(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	looking, debugging := openEditor(ctx, t), openEditor(ctx, t)
	revision := listServices(ctx, t, looking, "").Revision
	target, launch := cartLaunch(ctx, t)
	if _, err := debugging.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "followed", Target: target, Launch: launch}); err != nil {
		t.Fatal(err)
	}
	follow := func(intercepted bool) {
		t.Helper()
		for {
			found := listServices(ctx, t, looking, revision)
			revision = found.Revision
			i := slices.IndexFunc(found.Services, func(s protocol.Service) bool { return s.Name == "cart" })
			if i >= 0 && (found.Services[i].Intercept != nil) == intercepted {
				return
			}
		}
	}
	follow(true)
	stopSession(ctx, t, debugging, "followed")
	follow(false)
	restored()
	waitNothingLeft(ctx, t, shop)
}

func TestListOfNamespacesWaitsUntilThereIsAnother(t *testing.T) {
	ctx := testContext(t)
	e := openEditorOf(ctx, t, world.Kubeconfig)
	ask := func(unless string) *protocol.ListNamespacesResult {
		t.Helper()
		found, err := e.Server.ListNamespaces(ctx, &protocol.ListNamespacesParams{Unless: unless})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	first := ask("")
	if !slices.Contains(first.Namespaces, shop) || first.Revision == "" {
		t.Fatalf("%+v", first)
	}
	waiting := make(chan *protocol.ListNamespacesResult, 1)
	go func() {
		found, _ := e.Server.ListNamespaces(ctx, &protocol.ListNamespacesParams{Unless: first.Revision})
		waiting <- found
	}()
	namespaces, name := world.Kube.CoreV1().Namespaces(), shop+"-another"
	if _, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = namespaces.Delete(context.WithoutCancel(ctx), name, metav1.DeleteOptions{}) })
	second := <-waiting
	if second == nil || !slices.Contains(second.Namespaces, name) {
		t.Fatalf("%+v", second)
	}
	if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for found := second; slices.Contains(found.Namespaces, name); {
		found = ask(found.Revision)
	}
}

// Who may not list namespaces has one to look at, and waits for another kubeconfig.
func TestListsWaitForAnotherKubeconfig(t *testing.T) {
	ctx := testContext(t)
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	write := func(namespace string) {
		t.Helper()
		config.Contexts[config.CurrentContext].Namespace = namespace
		// At once: a file that is being written has no contexts, which is told.
		err := clientcmd.WriteToFile(*config, path+".new")
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(shop)
	e := openEditorOf(ctx, t, path)
	contexts, err := e.Server.ListContexts(ctx, &protocol.ListContextsParams{})
	if err != nil || len(contexts.Contexts) != 1 || contexts.Contexts[0].Namespace != shop {
		t.Fatalf("%+v, %v", contexts, err)
	}
	namespaces, err := e.Server.ListNamespaces(ctx, &protocol.ListNamespacesParams{})
	if err != nil || (world.Own() && !slices.Equal(namespaces.Namespaces, []string{shop})) {
		t.Fatalf("%+v, %v", namespaces, err)
	}
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() error {
		found, err := e.Server.ListContexts(asking, &protocol.ListContextsParams{Unless: contexts.Revision})
		if err == nil && found.Contexts[0].Namespace != "elsewhere" {
			err = fmt.Errorf("contexts are %+v", found)
		}
		return err
	})
	group.Go(func() error {
		_, err := e.Server.ListNamespaces(asking, &protocol.ListNamespacesParams{Unless: namespaces.Revision})
		return err
	})
	write("elsewhere")
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	again, err := e.Server.ListNamespaces(ctx, &protocol.ListNamespacesParams{})
	if err != nil || (world.Own() && !slices.Equal(again.Namespaces, []string{"elsewhere"})) {
		t.Errorf("%+v, %v", again, err)
	}
}

type servicesAnswer struct {
	result *protocol.ListServicesResult
	err    error
}

func listServices(ctx context.Context, t *testing.T, e *servertest.Editor, unless string) *protocol.ListServicesResult {
	t.Helper()
	found, err := e.Server.ListServices(ctx, &protocol.ListServicesParams{Namespace: shop, Unless: unless})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// waitForServices asks, and does not wait for the answer.
func waitForServices(ctx context.Context, e *servertest.Editor, unless string) <-chan servicesAnswer {
	answer := make(chan servicesAnswer, 1)
	go func() {
		found, err := e.Server.ListServices(ctx, &protocol.ListServicesParams{Namespace: shop, Unless: unless})
		answer <- servicesAnswer{found, err}
	}()
	return answer
}

func names(found *protocol.ListServicesResult, service string) bool {
	return slices.ContainsFunc(found.Services, func(s protocol.Service) bool { return s.Name == service })
}
