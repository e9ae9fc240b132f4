package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	namespace = "parity"
	// developer is an ordinary user of the cluster.
	developer = "ann"
)

//go:embed parity.yaml
var surroundings string

//go:embed target.yaml
var target string

// manyAddresses are more than a DNS message by UDP holds.
const manyAddresses = 100

// serverSpec is a pod that is called.
const serverSpec = `{terminationGracePeriodSeconds: 1, securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}, containers: [{
        name: probe, image: "{image}", imagePullPolicy: IfNotPresent, args: [serve], readinessProbe: {tcpSocket: {port: control}, periodSeconds: 1},
        ports: [{name: control, containerPort: 7000}, {name: talk, containerPort: 7001}, {name: echo, containerPort: 7006, protocol: UDP}],
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}, resources: {requests: {cpu: 10m, memory: 16Mi}}}]}`

// user is who a probe runs as, in the pod and on the workstation.
type user struct {
	name string
	uid  uint32
}

// users are root, and one who need not be known to the workstation.
var users = []user{{"root", 0}, {"user", 1001}}

func (u user) target() string { return "target-" + u.name }

// world is the cluster with all that is asked for.
type world struct {
	cluster *cluster.Cluster
	image   image
	probes  []probe
	// narrow: the cluster has not both families.
	narrow bool
	// known is what placeholders stand for.
	known map[string]string
}

// prepare makes what the probes ask for, and waits until it is there.
func (w *world) prepare(ctx context.Context) error {
	c := w.cluster
	if err := c.Load(ctx, say, w.image.tarball); err != nil {
		return err
	}
	if err := c.InstallOperator(ctx, say); err != nil {
		return err
	}
	// A target runs as root.
	if err := c.NamespaceAt(ctx, namespace, "baseline"); err != nil {
		return err
	}
	if err := c.Grant(ctx, namespace, developer); err != nil {
		return err
	}
	if err := c.Apply(ctx, namespace, w.fill(surroundings)); err != nil {
		return err
	}
	if err := w.widen(ctx); err != nil {
		return err
	}
	for _, u := range users {
		text := strings.NewReplacer("{user}", u.name, "{uid}", fmt.Sprint(u.uid)).Replace(target)
		if err := c.Apply(ctx, namespace, w.fill(text)); err != nil {
			return err
		}
	}
	if err := c.WaitAvailable(ctx, namespace); err != nil {
		return err
	}
	if err := w.learn(ctx); err != nil {
		return err
	}
	return w.settled(ctx)
}

func (w *world) fill(manifests string) string {
	var many strings.Builder
	for i := range manyAddresses {
		fmt.Fprintf(&many, "- {addresses: [10.200.0.%d], conditions: {ready: true}}\n", i+1)
	}
	manifests = strings.ReplaceAll(manifests, "{server}", serverSpec)
	return strings.NewReplacer("{image}", w.image.ref, "{namespace}", namespace, "{many}\n", many.String()).Replace(manifests)
}

// learn finds the addresses.
func (w *world) learn(ctx context.Context) error {
	service, err := w.cluster.Kube.CoreV1().Services(namespace).Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	node, err := w.cluster.Kube.CoreV1().Services(namespace).Get(ctx, "web-node", metav1.GetOptions{})
	if err != nil {
		return err
	}
	web, err := w.pod(ctx, "web")
	if err != nil {
		return err
	}
	w.known = map[string]string{
		"namespace": namespace, "web.clusterIP": service.Spec.ClusterIP, "web.reverse": reverse(service.Spec.ClusterIP), "web.ip": web.Status.PodIP,
		"web.dashes": strings.ReplaceAll(web.Status.PodIP, ".", "-"), "node.ip": web.Status.HostIP, "web.nodePort": fmt.Sprint(node.Spec.Ports[0].NodePort),
	}
	for _, name := range []string{"db-0", "db-1"} {
		var pod *corev1.Pod
		err := cluster.Wait(ctx, "pod "+name, func() (bool, error) {
			pod, err = w.cluster.Kube.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
			return err == nil && ready(pod), err
		})
		if err != nil {
			return err
		}
		w.known[name+".ip"] = pod.Status.PodIP
	}
	// An address of the pods' network that no pod has yet, and one that no Service has.
	w.known["unused.ip"] = web.Status.PodIP[:strings.LastIndexByte(web.Status.PodIP, '.')] + ".250"
	free, err := w.cluster.Kube.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "unused"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return err
	}
	w.known["unused.clusterIP"] = free.Spec.ClusterIP
	return w.learnIPv6(ctx, web)
}

// settled waits until a third pod finds all names and reaches the Services: CoreDNS and
// kube-proxy follow the pods by watch.
func (w *world) settled(ctx context.Context) error {
	return cluster.Wait(ctx, "names and Services", func() (bool, error) {
		caller, err := w.pod(ctx, "caller")
		if err != nil {
			return false, err
		}
		ways := []string{"lookup db", "lookup db-0.db", "lookup db-1.db", "connect web:80", "connect web-node:80", "connect alias:80", "lookup many"}
		if !w.narrow {
			ways = append(ways, "connect six:80", "connect [{dual.clusterIP6}]:80", "lookup6 dual-headless")
		}
		out, err := w.post(ctx, caller, "run", []string{imageFolder + "/probe"}, ask(of("", ways...), w.known))
		if err != nil {
			return false, err
		}
		var answers map[string]string
		if err := json.Unmarshal(out, &answers); err != nil {
			return false, err
		}
		for question, answer := range answers {
			if strings.HasPrefix(answer, "error") {
				return false, fmt.Errorf("%s: %s", question, answer)
			}
		}
		return strings.Count(answers["lookup db"], "\n") == 1 && strings.Count(answers["lookup many"], "\n") == manyAddresses-1, errors.New("not all pods are known by name")
	})
}

func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// pod is the app's own, never an agent.
func (w *world) pod(ctx context.Context, app string) (*corev1.Pod, error) {
	pods, err := w.cluster.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "pod-template-hash,app=" + app})
	if err != nil {
		return nil, err
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.DeletionTimestamp == nil && ready(p) && p.Labels["app.kubernetes.io/managed-by"] == "" {
			return p, nil
		}
	}
	return nil, errors.New("there is no pod of " + app)
}

// reverse is an address's name for PTR questions.
func reverse(address string) string {
	part := strings.Split(address, ".")
	return fmt.Sprintf("%s.%s.%s.%s.in-addr.arpa", part[3], part[2], part[1], part[0])
}
