package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

var noon = time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)

// change is a deviation from the world of a test.
type change func(*World)

// interceptedWorld has an Intercept, an agent that runs, and a workstation that
// serves: everything but the switch.
func interceptedWorld(t *testing.T, changes ...change) World {
	t.Helper()
	svc := shopService("shop")
	svc.UID, svc.ResourceVersion = "svc-1", "100"
	w := World{
		Now: noon, Key: types.NamespacedName{Namespace: "shop", Name: "cart"}, Service: svc,
		Settings: Settings{Image: "agent:1", PullPolicy: corev1.PullIfNotPresent, Inherit: InheritAll, OperatorKey: "ed25519:operator"},
		App: &App{ReadyPods: 1, Selector: svc.Spec.Selector, Template: &corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "cart"}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "app", Image: "cart:1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			}}},
		}},
		OriginReady: true,
	}
	in := newTestIntercept("one", noon.Add(-time.Minute))
	w.Intercepts = []v1alpha1.Intercept{in}
	withAgent(t, &w)
	w.Link = LinkState{Pod: "pod-1", State: control.State{
		Connected: true, Current: true, ReceivedAt: noon,
		Observed: &control.Observed{Listening: []int32{8080}, Clients: []control.ClientState{{Intercept: string(in.UID), Attached: true, Seen: true, Serving: []int32{80}}}},
	}}
	for _, c := range changes {
		c(&w)
	}
	return w
}

func newTestIntercept(name string, created time.Time) v1alpha1.Intercept {
	return v1alpha1.Intercept{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("in-" + name), CreationTimestamp: metav1.NewTime(created)},
		Spec: v1alpha1.InterceptSpec{
			Service: "cart", Ports: []v1alpha1.InterceptPort{{Port: 80}}, Mode: v1alpha1.InterceptMode{Type: v1alpha1.ModeAll},
			Client: v1alpha1.InterceptClient{User: "ana", Host: "laptop", Key: "ed25519:engine"}, Inherit: true, LeaseSeconds: 60,
		},
	}
}

// withAgent adds what the operator would have made.
func withAgent(t *testing.T, w *World) {
	t.Helper()
	n := w.names()
	b := blueprint{names: n, service: w.Service, selector: w.Service.Spec.Selector, app: w.App, inherit: true, settings: w.Settings}
	d, err := b.deployment()
	must(t, err)
	d.UID = "deployment-1"
	key, err := tunnel.GenerateKey()
	must(t, err)
	pod := corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: d.Spec.Template.Spec}
	pod.Namespace, pod.Name, pod.UID = "shop", n.agent()+"-x", "pod-1"
	pod.Annotations[annotationAgentKey] = string(key.Public())
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: "10.1.1.1",
		Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{Name: agentContainer, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
	}
	origin := originService(n, w.Service, w.Service.Spec.Selector)
	origin.UID, origin.Spec.ClusterIP = "origin-1", "10.2.2.2"
	role := reachRole(n, &pod)
	role.UID = "role-1"
	binding := reachBinding(n, &w.Intercepts[0])
	binding.UID = "binding-1"
	w.Owned = Owned{
		Deployments: []appsv1.Deployment{*d}, Services: []corev1.Service{*origin}, Pods: []corev1.Pod{pod},
		Roles: []rbacv1.Role{*role}, Bindings: []rbacv1.RoleBinding{*binding},
	}
}

// Deviations.

func isSwitched(w *World) {
	n := w.names()
	o := original.Original{Selector: map[string]string{"app": "cart"}, Agent: n.agentSelector(w.Service.Spec.Selector), Intercept: "one", UID: "in-one"}
	text, err := o.Encode()
	if err != nil {
		panic(err)
	}
	w.Service.Spec.Selector = o.Agent
	w.Service.Annotations = map[string]string{v1alpha1.AnnotationOriginal: text}
	w.Memory.Switched = true
}

func selectorIs(selector map[string]string) change {
	return func(w *World) { w.Service.Spec.Selector = selector }
}

func restoredHalfway(w *World) {
	isSwitched(w)
	w.Service.Spec.Selector = map[string]string{"app": "cart"}
	_, original := readRedirection(w.Service, w.names(), nil)
	original.Restored = true
	text, err := original.Encode()
	if err != nil {
		panic(err)
	}
	w.Service.Annotations[v1alpha1.AnnotationOriginal] = text
}

func withoutAnnotation(w *World) { w.Service.Annotations = nil }

func client0(f func(*control.ClientState)) change {
	return func(w *World) { f(&w.Link.Observed.Clients[0]) }
}

var away = client0(func(c *control.ClientState) { c.Attached, c.Serving, c.AwayMillis = false, nil, 600 })

func intercept0(f func(*v1alpha1.Intercept)) change {
	return func(w *World) { f(&w.Intercepts[0]) }
}

var wasAccepted = intercept0(func(in *v1alpha1.Intercept) {
	in.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue}}
	in.Status.Agent = &v1alpha1.InterceptAgent{Pod: "told"}
})

// wasAttached is the status as an operator leaves it that has seen the workstation go.
var wasAttached = intercept0(func(in *v1alpha1.Intercept) {
	in.Status.Conditions = append(in.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionAttached, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAway})
})

func noIntercept(w *World) { w.Intercepts = nil }

// kinds sums actions up in a line.
func kinds(actions []Action) string {
	var out []string
	for _, a := range actions {
		name := strings.TrimPrefix(fmt.Sprintf("%T", a), "controller.")
		if d, ok := a.(Delete); ok {
			name += strings.TrimPrefix(fmt.Sprintf("%T", d.Object), "*v1.")
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func acceptedConditions() []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue}}
}
