package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
	"github.com/kubetunnel/kubetunnel/operator/manifests"
)

// kubeconfigVariable names the cluster of these tests.
const kubeconfigVariable = "KUBETUNNEL_TEST_KUBECONFIG"

// nowhere is a node that does not exist: the pods of these tests are never run, their
// status is written by the test. So a plain API server with its controllers is enough.
var nowhere = map[string]string{"kubetunnel.dev/test": "nowhere"}

// cluster is one test's part of a real cluster: a namespace, an operator that
// looks at it alone, and agents that the test plays itself.
type cluster struct {
	t      *testing.T
	config *rest.Config
	client.Client
	namespace string
	key       tunnel.PrivateKey
	stop      func()

	mu     sync.Mutex
	agents map[string]*playedAgent // by pod IP
	nextIP int
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	path := os.Getenv(kubeconfigVariable)
	if path == "" {
		t.Skipf("needs a cluster: set %s to a kubeconfig with an admin's rights", kubeconfigVariable)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	must(t, err)
	config.QPS = -1
	s := runtime.NewScheme()
	must(t, scheme.AddToScheme(s))
	must(t, v1alpha1.AddToScheme(s))
	c, err := client.New(config, client.Options{Scheme: s})
	must(t, err)
	key, err := tunnel.GenerateKey()
	must(t, err)
	k := &cluster{t: t, config: config, Client: c, namespace: "kt-controller-" + rand.String(6), key: key, agents: map[string]*playedAgent{}}
	k.refuseOtherOperator()
	k.installType()
	must(t, c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: k.namespace}}))
	t.Cleanup(k.cleanUp)
	return k
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refuseOtherOperator: two operators with different keys would fight over the agents.
func (k *cluster) refuseOtherOperator() {
	pods := &corev1.PodList{}
	must(k.t, k.List(k.t.Context(), pods, client.InNamespace(v1alpha1.OperatorNamespace), client.MatchingLabels{"app.kubernetes.io/name": v1alpha1.OperatorName}))
	if len(pods.Items) > 0 {
		k.t.Skipf("an operator runs in namespace %s: these tests bring their own, remove it first", v1alpha1.OperatorNamespace)
	}
}

func (k *cluster) installType() {
	objects, err := manifests.Objects(manifests.Options{})
	must(k.t, err)
	for i := range objects {
		if objects[i].GetKind() == "CustomResourceDefinition" {
			must(k.t, k.Apply(k.t.Context(), client.ApplyConfigurationFromUnstructured(&objects[i]), client.FieldOwner("kubetunnel"), client.ForceOwnership))
		}
	}
	k.eventually("the type is served", func() (bool, string) {
		err := k.List(k.t.Context(), &v1alpha1.InterceptList{}, client.InNamespace("default"))
		return err == nil, fmt.Sprint(err)
	})
}

func (k *cluster) cleanUp() {
	if k.stop != nil {
		k.stop()
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: k.namespace}}
	if err := client.IgnoreNotFound(k.Delete(context.Background(), ns)); err != nil {
		k.t.Errorf("delete namespace: %v", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.agents {
		a.stop()
	}
}

// startOperator runs an operator until stopOperator or the test's end.
func (k *cluster) startOperator(settings ...func(*Settings)) {
	s := Settings{Image: "agent:test", PullPolicy: corev1.PullNever, Inherit: InheritAll}
	for _, change := range settings {
		change(&s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	go func() {
		done <- Run(ctx, Options{
			Config: k.config, Key: k.key, Log: log, Namespaces: []string{k.namespace}, Dial: k.dial, workers: 2,
			Settings: s,
		})
	}()
	var once sync.Once
	k.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				k.t.Errorf("operator: %v", err)
			}
		})
	}
}

// dial leads to the played agent that has the address's IP.
func (k *cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	agent := k.agents[host]
	k.mu.Unlock()
	if agent == nil {
		return nil, fmt.Errorf("no agent at %s", address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, agent.address)
}

// eventually waits for a condition, looking anew until it is met.
func (k *cluster) eventually(what string, met func() (bool, string)) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 40*time.Second)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, last := met()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			k.t.Fatalf("never: %s; last: %s", what, last)
		case <-ticker.C:
		}
	}
}

// pod makes a pod that nobody runs, and its status that of one that runs.
func (k *cluster) pod(name string, labels map[string]string) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: name, Labels: labels}, Spec: corev1.PodSpec{
		NodeSelector: nowhere,
		Containers: []corev1.Container{{
			Name: "app", Image: "app:test", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Env: []corev1.EnvVar{{Name: "GREETING", Value: "hello"}},
		}},
	}}
	must(k.t, k.Create(k.t.Context(), p))
	k.pretend(p)
}

func (k *cluster) pretend(p *corev1.Pod) string {
	k.mu.Lock()
	k.nextIP++
	ip := fmt.Sprintf("10.254.7.%d", k.nextIP)
	k.mu.Unlock()
	status := corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, Conditions: []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()},
		{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()},
	}}
	for _, c := range p.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		})
	}
	data, err := json.Marshal(map[string]any{"status": status})
	must(k.t, err)
	must(k.t, k.Status().Patch(k.t.Context(), p, client.RawPatch(types.MergePatchType, data)))
	return ip
}

func (k *cluster) service(name string) *corev1.Service {
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: name}}
	err := k.Get(k.t.Context(), client.ObjectKeyFromObject(svc), svc)
	if apierrors.IsNotFound(err) {
		return nil
	}
	must(k.t, err)
	return svc
}

func shopService(namespace string) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cart"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "cart"},
			Ports:    []corev1.ServicePort{{Name: "web", Port: 80, TargetPort: intstr.FromString("http")}},
		},
	}
}

func (k *cluster) intercept(name string, change func(*v1alpha1.Intercept)) *v1alpha1.Intercept {
	engine, err := tunnel.GenerateKey()
	must(k.t, err)
	in := &v1alpha1.Intercept{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: name}, Spec: v1alpha1.InterceptSpec{
		Service: "cart", Ports: []v1alpha1.InterceptPort{{Port: 80}}, Mode: v1alpha1.InterceptMode{Type: v1alpha1.ModeAll},
		Client: v1alpha1.InterceptClient{User: "ana", Host: "laptop", Key: string(engine.Public())}, Inherit: true, LeaseSeconds: 60,
	}}
	if change != nil {
		change(in)
	}
	must(k.t, k.Create(k.t.Context(), in))
	return in
}

// status waits until the Intercept is in a state.
func (k *cluster) status(in *v1alpha1.Intercept, state v1alpha1.InterceptState) v1alpha1.InterceptStatus {
	k.t.Helper()
	got := &v1alpha1.Intercept{}
	k.eventually(fmt.Sprintf("Intercept %s is %s", in.Name, state), func() (bool, string) {
		err := k.Get(k.t.Context(), client.ObjectKeyFromObject(in), got)
		return err == nil && got.Status.State == state, fmt.Sprintf("%+v, %v", got.Status, err)
	})
	return got.Status
}

// toUnstructured is for server-side apply.
func toUnstructured(t *testing.T, svc *corev1.Service) *unstructured.Unstructured {
	t.Helper()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(svc)
	must(t, err)
	delete(object, "status")
	return &unstructured.Unstructured{Object: object}
}

// playedAgent is an agent that says what the test wants.
type playedAgent struct {
	control.Signal
	address string
	stop    func()

	mu       sync.Mutex
	desired  control.Desired
	observed control.Observed
}

func (a *playedAgent) Apply(d control.Desired) {
	a.say(func(o *control.Observed) {
		a.desired = d
		o.Generation, o.Drained = d.Generation, d.Draining
		o.Listening = nil
		for _, p := range d.Ports {
			o.Listening = append(o.Listening, p.TargetPort)
		}
	})
}

func (a *playedAgent) Observe() control.Observed {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.observed
}

func (a *playedAgent) say(f func(*control.Observed)) {
	a.mu.Lock()
	f(&a.observed)
	a.mu.Unlock()
	a.Notify()
}

// client says how an engine stands.
func (a *playedAgent) client(in *v1alpha1.Intercept, attached bool, serving ...int32) {
	a.say(func(o *control.Observed) {
		o.Clients = []control.ClientState{{Intercept: string(in.UID), Attached: attached, Seen: true, Serving: serving}}
	})
}

// endpoints makes the origin Service's, as the cluster leaves out pods that are on no node.
func (k *cluster) endpoints(target string) {
	n := namesFor(types.UID(target), "cart")
	yes, port := true, int32(8080)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: n.origin() + "-test", Labels: map[string]string{
			discoveryv1.LabelServiceName: n.origin(), discoveryv1.LabelManagedBy: "test", v1alpha1.LabelTarget: target,
		}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.254.7.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &yes}}},
		Ports:       []discoveryv1.EndpointPort{{Port: &port}},
	}
	must(k.t, client.IgnoreAlreadyExists(k.Create(k.t.Context(), slice)))
}

// playAgent waits for the agent's pod, reads its Secret as the kubelet would, and plays it.
func (k *cluster) playAgent() *playedAgent {
	k.t.Helper()
	var pod *corev1.Pod
	k.eventually("the agent's pod is made", func() (bool, string) {
		pods := &corev1.PodList{}
		must(k.t, k.List(k.t.Context(), pods, client.InNamespace(k.namespace), client.HasLabels{v1alpha1.LabelTarget}))
		for i := range pods.Items {
			if p := &pods.Items[i]; p.Status.PodIP == "" && p.DeletionTimestamp.IsZero() {
				pod = p
				return true, ""
			}
		}
		return false, fmt.Sprintf("%d pods", len(pods.Items))
	})
	secret := &corev1.Secret{}
	for _, v := range pod.Spec.Volumes {
		if v.Name == configVolume {
			must(k.t, k.Get(k.t.Context(), client.ObjectKey{Namespace: k.namespace, Name: v.Secret.SecretName}, secret))
		}
	}
	key, err := tunnel.ParsePrivateKey(secret.Data["key.pem"])
	must(k.t, err)
	operator, err := tunnel.ParsePublicKey(string(secret.Data["operator.pub"]))
	must(k.t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(k.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	a := &playedAgent{address: listener.Addr().String()}
	done := make(chan error, 1)
	go func() { done <- control.Serve(ctx, listener, key, operator, a) }()
	var once sync.Once
	a.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				k.t.Errorf("agent: %v", err)
			}
		})
	}
	k.t.Cleanup(a.stop)
	k.mu.Lock()
	next := fmt.Sprintf("10.254.7.%d", k.nextIP+1)
	k.agents[next] = a
	k.mu.Unlock()
	k.endpoints(pod.Labels[v1alpha1.LabelTarget])
	if ip := k.pretend(pod); ip != next {
		k.t.Fatalf("agent's address is %s, want %s", ip, next)
	}
	return a
}
