package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// inLoopback asks for the mode of machines without namespaces.
const inLoopback = "KUBETUNNEL_SANDBOX=loopback"

func TestProgramsInModeLoopbackReachServicesAndMountedFiles(t *testing.T) {
	const price, banner, region = `"cents":`, "Three for two on apples today", "eu-north"
	common := []string{"service: 200", price, "file: " + banner, "variable: " + region}
	for _, test := range []struct {
		name string
		args []string
		env  string
		want []string
	}{
		{name: "go", args: []string{"go", "run", "main.go"}},
		{name: "node", args: []string{"node", "main.js"}},
		{name: "node that heeds proxy variables", args: []string{os.Getenv("KUBETUNNEL_NODE"), "main.js"}, want: []string{"proxy variables: heeded"}},
		{name: "java", args: []string{"java", "Main.java"}, env: "JAVA_TOOL_OPTIONS=-Dmine=kept",
			want: []string{"URLConnection: {", "socket: HTTP/1.0 200", "own option: kept"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			cmd := exec.CommandContext(ctx, world.Server, append([]string{"--kubeconfig", kubeconfig, "run", "--service", shop + "/cart", "--"}, test.args...)...) //nolint:gosec // our own
			cmd.Dir = filepath.Join("testdata", "loopback")
			cmd.Env = append(os.Environ(), inLoopback, test.env)
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			for _, want := range append(test.want, common...) {
				if !strings.Contains(string(output), want) {
					t.Errorf("%q is not in it:\n%s", want, output)
				}
			}
			restored()
			waitNothingLeft(ctx, t, shop)
		})
	}
}

// What the ConfigMap says in mid-session is below KUBETUNNEL_ROOT a moment after it is in the pod.
func TestMountedFilesInModeLoopbackFollowTheCluster(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	const changed = "Closed for stocktaking"
	cmd := exec.CommandContext(ctx, world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/cart", "--", //nolint:gosec // our own
		"sh", "-c", `cat "$KUBETUNNEL_ROOT/etc/cart/banner.txt"; until grep -q '`+changed+`' "$KUBETUNNEL_ROOT/etc/cart/banner.txt"; do sleep 0.1; done; echo followed`)
	cmd.Env = append(os.Environ(), inLoopback)
	shown := &watched{seen: make(chan struct{}), text: "Three for two"}
	cmd.Stdout, cmd.Stderr = shown, cluster.Lines(func(s string) { t.Log("server:", s) })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-shown.seen:
	case <-ctx.Done():
	}
	setBanner(ctx, t, changed)
	if err := cmd.Wait(); err != nil || !strings.Contains(shown.String(), "followed") {
		t.Errorf("%v: %s", err, shown.String())
	}
	setBanner(ctx, t, "Three for two on apples today")
	restored()
	waitNothingLeft(ctx, t, shop)
}

// setBanner changes the mounted ConfigMap, and has the kubelet look at its pods at once:
// by itself it does so once a minute.
func setBanner(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	core := world.Kube.CoreV1()
	maps, err := core.ConfigMaps(shop).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maps.Items {
		if _, ok := maps.Items[i].Data["banner.txt"]; !ok {
			continue
		}
		maps.Items[i].Data["banner.txt"] = text
		if _, err := core.ConfigMaps(shop).Update(ctx, &maps.Items[i], metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	pods, err := core.Pods(shop).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"e2e/look":%q}}}`, text)
		if _, err := core.Pods(shop).Patch(ctx, pods.Items[i].Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// watched collects what a program writes; seen is closed when the text is in it.
type watched struct {
	mu      sync.Mutex
	written strings.Builder
	text    string
	seen    chan struct{}
	once    sync.Once
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.written.Write(b)
	if strings.Contains(w.written.String(), w.text) {
		w.once.Do(func() { close(w.seen) })
	}
	return n, err
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written.String()
}

func TestDebuggeeInModeLoopbackTakesTheServicesCalls(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t, inLoopback)
	told := e.Greeting.Capabilities.Sandbox
	if told.Mode != "loopback" || !strings.Contains(told.Reason, inLoopback) || len(told.Limits) == 0 {
		t.Errorf("initialize says %+v", told)
	}
	s := debugCart(ctx, t, e, "loopback")
	pids := cluster.Descendants(e.PID())
	if answer := waitServedBy(ctx, t, true); answer.Total != 1055 || answer.Settings["region"] != "eu-north" {
		t.Errorf("the debuggee answers %+v", answer)
	}
	info := e.Session(s.id)
	if info.Sandbox == nil || info.Sandbox.Mode != told.Mode || info.Sandbox.Reason != told.Reason || len(info.Warnings) < len(told.Limits) {
		t.Errorf("the session says %+v, warnings %q", info.Sandbox, info.Warnings)
	}
	if ended := stopSession(ctx, t, e, s.id); ended.State != protocol.StateEnded {
		t.Errorf("state %s: %v", ended.State, ended.Error)
	}
	waitOver(ctx, t, restored, pids)
}
