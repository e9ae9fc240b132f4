package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const hostilePod = `apiVersion: v1
kind: Pod
metadata:
  name: %s
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: hostile
    image: test.example/hostile:dev
    imagePullPolicy: IfNotPresent
    args: %s
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}`

// hostile runs the hostile pod in a namespace of its own until a condition holds.
func hostile(ctx context.Context, t *testing.T, name string, until corev1.PodPhase, args ...string) (logs func() []byte) {
	t.Helper()
	namespace := unique("hostile")
	if err := world.Namespace(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = world.Kube.CoreV1().Namespaces().Delete(context.WithoutCancel(ctx), namespace, metav1.DeleteOptions{})
	})
	list, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := world.Apply(ctx, namespace, fmt.Sprintf(hostilePod, name, list)); err != nil {
		t.Fatal(err)
	}
	pods := world.Kube.CoreV1().Pods(namespace)
	err = cluster.Wait(ctx, "the hostile pod to be "+string(until), func() (bool, error) {
		p, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if p.Status.Phase == corev1.PodFailed {
			raw, _ := pods.GetLogs(name, &corev1.PodLogOptions{}).Do(ctx).Raw()
			t.Fatalf("the hostile pod failed: %s", raw)
		}
		return p.Status.Phase == until, fmt.Errorf("it is %s", p.Status.Phase)
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []byte {
		raw, err := pods.GetLogs(name, &corev1.PodLogOptions{}).Do(ctx).Raw()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
}

// probed is what the hostile pod tells of a probe.
type probed struct {
	Open    []int
	Answers []struct {
		Port               int
		Attack, Got, Ended string
	}
}

func probe(ctx context.Context, t *testing.T, name, ip, key string) (r probed) {
	t.Helper()
	logs := hostile(ctx, t, name, corev1.PodSucceeded, "probe", ip, key)()
	if err := json.Unmarshal(logs, &r); err != nil {
		t.Fatalf("%v: %s", err, logs)
	}
	return r
}

// portOf is a port that the operator has noted on its agent's pod.
func portOf(t *testing.T, pod *corev1.Pod, which string) int {
	t.Helper()
	n, err := strconv.Atoi(pod.Annotations["kubetunnel.dev/"+which])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// harmless are HTTP's own words of refusal at the port that takes upgrades.
func harmless(got string) bool {
	return got == "" || strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.HasPrefix(got, "HTTP/1.1 426 ") || strings.HasPrefix(got, "HTTP/1.1 408 ")
}

func TestHostilePodGetsNothingFromAnAgent(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	goLive(ctx, t, e, serviceOf(ctx, t, "prey", "cart"))
	agent := agentPods(ctx, t)[0]
	control, upgrade := portOf(t, &agent, "control-port"), portOf(t, &agent, "upgrade-port")
	app := int(agent.Spec.Containers[0].Ports[0].ContainerPort)

	r := probe(ctx, t, "prober", agent.Status.PodIP, agent.Annotations["kubetunnel.dev/agent-key"])
	want := []int{control, upgrade, app}
	slices.Sort(want)
	if !slices.Equal(r.Open, want) {
		t.Errorf("ports %v are open to other pods, want control, upgrade and app: %v", r.Open, want)
	}
	// What shows that an attack came as far as a key's being judged.
	judged := map[string]string{
		fmt.Sprint(control, " TLS without a certificate"):                       "tls: certificate required",
		fmt.Sprint(control, " TLS with a key of its own"):                       "tls: bad certificate",
		fmt.Sprint(control, " a word of the operator's, with a key of its own"): "tls: bad certificate",
		fmt.Sprint(upgrade, " an upgrade, then a tunnel with a key of its own"): "is not authorized",
	}
	for _, a := range r.Answers {
		t.Logf("port %d, %s: got %.60q, ended by %s", a.Port, a.Attack, a.Got, a.Ended)
		if how := judged[fmt.Sprint(a.Port, " ", a.Attack)]; strings.Contains(a.Ended, how) {
			delete(judged, fmt.Sprint(a.Port, " ", a.Attack))
		}
		switch {
		case a.Port == app: // what the app says to anybody
		case !harmless(a.Got):
			t.Errorf("port %d, %s: got %q", a.Port, a.Attack, a.Got)
		case strings.Contains(a.Ended, "deadline") || strings.Contains(a.Ended, "i/o timeout"):
			t.Errorf("port %d, %s: kept for as long as it wanted: %s", a.Port, a.Attack, a.Ended)
		}
	}
	if len(judged) > 0 {
		t.Errorf("not refused by its key: %v", judged)
	}
	waitServedBy(ctx, t, true)
	if now := agentPods(ctx, t)[0]; now.Name != agent.Name || now.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the agent did not stay up: %+v", now.Status)
	}
	stopSession(ctx, t, e, "prey")
	restored()
}

// An agent that is held by a crowd takes the operator and the engine all the same,
// serves, and stays small.
func TestHostileCrowdNeitherFillsAnAgentNorKeepsOthersOut(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	goLive(ctx, t, e, serviceOf(ctx, t, "crowded", "cart"))
	agent := agentPods(ctx, t)[0]
	address := func(which string) string { return fmt.Sprintf("%s:%d", agent.Status.PodIP, portOf(t, &agent, which)) }
	hostile(ctx, t, "crowd", corev1.PodRunning, "hold", address("control-port"), address("upgrade-port"), "1000")

	// A new operator has to come in through the crowd, and so has the engine, whose
	// connection goes with the API server.
	operators := world.Kube.CoreV1().Pods("kubetunnel-system")
	if err := operators.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if world.Own() {
		fault(ctx, t, []string{"restart", "apiserver"})
		if _, err := e.WaitState(ctx, "crowded", protocol.StateReconnecting); err != nil {
			t.Fatal(err)
		}
		if _, err := e.WaitState(ctx, "crowded", protocol.StateLive); err != nil {
			t.Fatal(err)
		}
	}
	waitServedBy(ctx, t, true)
	const limit = 96 << 20
	if rss := agentMemory(ctx, t, &agent); rss > limit {
		t.Errorf("the agent holds %d MiB, want %d at most", rss>>20, limit>>20)
	} else {
		t.Logf("the agent holds %d MiB", rss>>20)
	}
	stopSession(ctx, t, e, "crowded")
	restored()
	waitNothingLeft(ctx, t, shop)
}

// agentMemory is the resident memory of an agent's data plane, as its node tells it.
func agentMemory(ctx context.Context, t *testing.T, agent *corev1.Pod) (rss int64) {
	t.Helper()
	var summary struct {
		Pods []struct {
			PodRef     struct{ Name string }
			Containers []struct {
				Name   string
				Memory struct{ RSSBytes int64 }
			}
		}
	}
	err := cluster.Wait(ctx, "the agent's memory to be known", func() (bool, error) {
		raw, err := world.Kube.CoreV1().RESTClient().Get().Resource("nodes").Name(agent.Spec.NodeName).SubResource("proxy").Suffix("stats/summary").Do(ctx).Raw()
		if err != nil {
			return false, err
		}
		if err := json.Unmarshal(raw, &summary); err != nil {
			return false, err
		}
		for _, pod := range summary.Pods {
			for _, c := range pod.Containers {
				if pod.PodRef.Name == agent.Name && c.Name == "agent" {
					rss = c.Memory.RSSBytes
				}
			}
		}
		return rss > 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rss
}

func TestHostilePodFindsOneOpenPortAtTheOperator(t *testing.T) {
	ctx := testContext(t)
	pods, err := world.Kube.CoreV1().Pods("kubetunnel-system").List(ctx, metav1.ListOptions{})
	if err != nil || len(pods.Items) == 0 {
		t.Fatalf("no operator: %v", err)
	}
	r := probe(ctx, t, "prober", pods.Items[0].Status.PodIP, "")
	if !slices.Equal(r.Open, []int{8081}) {
		t.Errorf("ports %v are open, want that of its health alone", r.Open)
	}
	for _, a := range r.Answers {
		if a.Got != "" && !strings.HasPrefix(a.Got, "HTTP/1.1 4") {
			t.Errorf("%s: got %q", a.Attack, a.Got)
		}
	}
}
