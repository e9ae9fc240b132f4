package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// testTimeout is for a condition that never comes; no test measures time.
const testTimeout = 2 * time.Minute

var interceptResource = schema.GroupVersionResource{Group: "kubetunnel.dev", Version: "v1alpha1", Resource: "intercepts"}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// openEditor starts a tunnel-server as the ordinary user. It is gone when the test ends.
func openEditor(ctx context.Context, t *testing.T) *servertest.Editor {
	t.Helper()
	e, err := servertest.Start(ctx, world.Server, kubeconfig, cluster.Lines(func(s string) { t.Log("server:", s) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.Close()
		<-e.Exited()
	})
	return e
}

// remember gives a check that a Service is as it was at the call.
func remember(ctx context.Context, t *testing.T, namespace, name string) (restored func()) {
	t.Helper()
	services := world.Kube.CoreV1().Services(namespace)
	before, err := services.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		var after *corev1.Service
		err := cluster.Wait(ctx, "the Service to be as it was", func() (bool, error) {
			var err error
			if after, err = services.Get(ctx, name, metav1.GetOptions{}); err != nil {
				return false, err
			}
			b := before.DeepCopy()
			b.ResourceVersion = after.ResourceVersion
			return apiequality.Semantic.DeepEqual(b, after), nil
		})
		if err != nil {
			b, _ := json.Marshal(before)
			a, _ := json.Marshal(after)
			t.Fatalf("%v:\nwas %s\n is %s", err, b, a)
		}
	}
}

// cartSource is the file that is debugged, and the line of its breakpoint.
func cartSource(t *testing.T) (path string, line int) {
	t.Helper()
	path = filepath.Join(world.Root, "examples", "shop", "cart", "main.go")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range strings.Split(string(content), "\n") {
		if strings.Contains(text, "// breakpoint here") {
			return path, i + 1
		}
	}
	t.Fatal("no line for a breakpoint")
	return "", 0
}

func launchCart(t *testing.T) json.RawMessage {
	t.Helper()
	path, _ := cartSource(t)
	raw, err := json.Marshal(map[string]any{"type": "go", "request": "launch", "mode": "debug", "program": filepath.Dir(path)})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func cartTarget() protocol.Target { return protocol.Target{Namespace: shop, Service: "cart"} }

// debugCart starts a session on cart, with breakpoints, and waits until it is live.
func debugCart(ctx context.Context, t *testing.T, e *servertest.Editor, id string, lines ...int) (*servertest.Debugger, *protocol.StartSessionResult) {
	t.Helper()
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: id, Target: cartTarget(), Launch: launchCart(t)})
	if err != nil {
		t.Fatal(err)
	}
	return attach(ctx, t, e, id, started.DAP, lines...), started
}

func attach(ctx context.Context, t *testing.T, e *servertest.Editor, id string, endpoint *protocol.Endpoint, lines ...int) *servertest.Debugger {
	t.Helper()
	d, err := servertest.DialDAP(ctx, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	path, _ := cartSource(t)
	if err := d.Launch(ctx, launchCart(t), path, lines...); err != nil {
		t.Fatalf("%v\n%s", err, e.Output(id))
	}
	if _, err := e.WaitState(ctx, id, protocol.StateLive); err != nil {
		t.Fatal(err)
	}
	return d
}

type cartAnswer struct {
	ServedBy string            `json:"servedBy"`
	Total    int               `json:"total"`
	Settings map[string]string `json:"settings"`
}

// callCart lets the cluster call cart on a new connection.
func callCart(ctx context.Context) (*cartAnswer, error) {
	raw, err := world.Call(ctx, shop, "http://cart/cart/ann", true)
	if err != nil {
		return nil, err
	}
	var a cartAnswer
	return &a, json.Unmarshal(raw, &a)
}

// here tells whether the workstation has answered.
func here(ctx context.Context, a *cartAnswer) (bool, error) {
	return world.AtWorkstation(ctx, shop, a.ServedBy)
}

// waitServedBy waits until cart is answered by the workstation, or by the origin.
func waitServedBy(ctx context.Context, t *testing.T, workstation bool) *cartAnswer {
	t.Helper()
	var answer *cartAnswer
	err := cluster.Wait(ctx, fmt.Sprintf("an answer of the workstation=%v", workstation), func() (bool, error) {
		var err error
		if answer, err = callCart(ctx); err != nil {
			return false, err
		}
		is, err := here(ctx, answer)
		return err == nil && is == workstation, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// descendants are the processes below a process.
func descendants(pid int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The second field, the program's name in parentheses, may hold anything.
		_, rest, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')')+1:]), " ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	var below func(int) []int
	below = func(parent int) (out []int) {
		for _, child := range children[parent] {
			out = append(append(out, child), below(child)...)
		}
		return out
	}
	return below(pid)
}

// commandOf is a process's program, "" when it has ended.
func commandOf(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	if _, rest, ok := strings.Cut(string(content), ") "); !ok || strings.HasPrefix(rest, "Z") {
		return ""
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(cmdline), "\x00", " ")
}

func waitGone(ctx context.Context, t *testing.T, pids []int) {
	t.Helper()
	err := cluster.Wait(ctx, "the processes to end", func() (bool, error) {
		for _, pid := range pids {
			if command := commandOf(pid); command != "" {
				return false, fmt.Errorf("process %d runs: %s", pid, command)
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func dynamicClient(t *testing.T) dynamic.Interface {
	t.Helper()
	d, err := dynamic.NewForConfig(world.Rest)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// waitNothingLeft waits until a namespace holds nothing of the operator's.
func waitNothingLeft(ctx context.Context, t *testing.T, namespace string) {
	t.Helper()
	options := metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"}
	err := cluster.Wait(ctx, "the operator's objects to go", func() (bool, error) {
		pods, err := world.Kube.CoreV1().Pods(namespace).List(ctx, options)
		if err != nil {
			return false, err
		}
		services, err := world.Kube.CoreV1().Services(namespace).List(ctx, options)
		if err != nil {
			return false, err
		}
		secrets, err := world.Kube.CoreV1().Secrets(namespace).List(ctx, options)
		if err != nil {
			return false, err
		}
		roles, err := world.Kube.RbacV1().Roles(namespace).List(ctx, options)
		if err != nil {
			return false, err
		}
		deployments, err := world.Kube.AppsV1().Deployments(namespace).List(ctx, options)
		if err != nil {
			return false, err
		}
		n := len(pods.Items) + len(services.Items) + len(secrets.Items) + len(roles.Items) + len(deployments.Items)
		return n == 0, fmt.Errorf("%d are left", n)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func codeOf(err error) protocol.ErrorCode {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
