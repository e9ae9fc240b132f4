package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/engine/watch"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// helperVariable makes this test binary a program that watches its configuration.
const helperVariable = "KUBETUNNEL_E2E_HELPER"

// watchBanner tells cart's banner at first and whenever the kubelet's link to the
// volume's version is exchanged, as programs that watch a ConfigMap do, until it is ended.
func watchBanner() {
	const folder = "/etc/cart"
	version := func() string {
		link, err := os.Readlink(filepath.Join(folder, "..data"))
		banner, err2 := os.ReadFile(filepath.Join(folder, "banner.txt"))
		entries, err3 := os.ReadDir(folder)
		return fmt.Sprintf("%s %q %d entries %v", link, banner, len(entries), errors.Join(err, err2, err3))
	}
	stop, err := watch.Files([]string{filepath.Join(folder, "..data")}, func() { fmt.Println("changed:", version()) })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	fmt.Println("at first:", version())
	ended, ignore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer ignore()
	<-ended.Done()
}

// output is what a process writes, while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// line waits for a line that begins so, and gives the rest of the last one.
func (o *output) line(ctx context.Context, begin string) (rest string, err error) {
	err = cluster.Wait(ctx, "the line "+begin, func() (bool, error) {
		for line := range strings.Lines(o.String()) {
			if after, ok := strings.CutPrefix(line, begin); ok {
				rest = strings.TrimSpace(after)
			}
		}
		return rest != "", errors.New(o.String())
	})
	return rest, err
}

func TestUpdateOfAConfigMapReachesTheRunningProcess(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	cmd := exec.CommandContext(ctx, world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/cart", "--", os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"=watch")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the program has no end of its own
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		restored()
	})
	first, err := out.line(ctx, "at first: ")
	if err != nil {
		t.Fatal(err)
	}
	// region, banner.txt, ..data, and the version's folder.
	if !strings.Contains(first, `"Three for two on apples today`) || !strings.HasSuffix(first, "4 entries <nil>") {
		t.Errorf("at first %s", first)
	}
	changeBanner(ctx, t, "Pears are half the price")
	changed, err := out.line(ctx, "changed: ")
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(first, " ")
	after, _, _ := strings.Cut(changed, " ")
	if before == after || !strings.HasPrefix(after, "..2") || !strings.Contains(changed, `"Pears are half the price"`) {
		t.Errorf("changed from %s to %s", first, changed)
	}
}

// changeBanner changes the ConfigMap until the test's end, and has the kubelet look
// at the agent's pod now: by itself it does once a minute.
func changeBanner(ctx context.Context, t *testing.T, banner string) {
	t.Helper()
	maps := world.Kube.CoreV1().ConfigMaps(shop)
	patch := func(ctx context.Context, text string) error {
		_, err := maps.Patch(ctx, "cart", types.MergePatchType, fmt.Appendf(nil, `{"data":{"banner.txt":%q}}`, text), metav1.PatchOptions{})
		return err
	}
	old, err := maps.Get(ctx, "cart", metav1.GetOptions{})
	if err == nil {
		err = patch(ctx, banner)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := patch(context.WithoutCancel(ctx), old.Data["banner.txt"]); err != nil {
			t.Error(err)
		}
	})
	pods, err := world.Kube.CoreV1().Pods(shop).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"})
	if err != nil || len(pods.Items) == 0 {
		t.Fatalf("no agent's pod: %v", err)
	}
	for i := range pods.Items {
		_, err := world.Kube.CoreV1().Pods(shop).Patch(ctx, pods.Items[i].Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"example.com/look":"now"}}}`), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// bulky is an app with a volume that is larger than what is carried: ten ConfigMaps of nearly 1 MiB.
const bulky = `apiVersion: apps/v1
kind: Deployment
metadata: {name: bulky}
spec:
  selector: {matchLabels: {app: bulky}}
  template:
    metadata: {labels: {app: bulky}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: bulky
        image: shop.example/cart:dev
        imagePullPolicy: IfNotPresent
        ports: [{name: http, containerPort: 8080}]
        volumeMounts: [{name: bulk, mountPath: /srv/bulk}]
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumes:
      - name: bulk
        projected: {sources: [SOURCES]}
---
apiVersion: v1
kind: Service
metadata: {name: bulky}
spec:
  selector: {app: bulky}
  ports: [{name: http, port: 80, targetPort: http}]
`

func TestVolumeTooLargeToBeCarriedIsToldWithItsSize(t *testing.T) {
	ctx := testContext(t)
	var sources []string
	for i := range 10 {
		name := fmt.Sprintf("bulk-%d", i)
		bulk := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, BinaryData: map[string][]byte{name: make([]byte, 1000<<10)}}
		if _, err := world.Kube.CoreV1().ConfigMaps(shop).Create(ctx, bulk, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
		sources = append(sources, "{configMap: {name: "+name+"}}")
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		err := errors.Join(
			world.Kube.AppsV1().Deployments(shop).Delete(ctx, "bulky", metav1.DeleteOptions{}),
			world.Kube.CoreV1().Services(shop).Delete(ctx, "bulky", metav1.DeleteOptions{}),
		)
		for i := range sources {
			err = errors.Join(err, world.Kube.CoreV1().ConfigMaps(shop).Delete(ctx, fmt.Sprintf("bulk-%d", i), metav1.DeleteOptions{}))
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err := world.Apply(ctx, shop, strings.Replace(bulky, "SOURCES", strings.Join(sources, ", "), 1)); err != nil {
		t.Fatal(err)
	}
	if err := world.WaitAvailable(ctx, shop); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/bulky", "--", "sh", "-c", "ls /srv/bulk || echo not there").CombinedOutput() //nolint:gosec // our own
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"/srv/bulk holds 9.8 MiB, more than the 8 MiB that are carried", "not there"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not told:\n%s", want, out)
		}
	}
	waitNothingLeft(ctx, t, shop)
}
