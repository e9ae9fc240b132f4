package controller

import (
	"maps"
	"net"
	"slices"
	"strconv"

	apiequality "k8s.io/apimachinery/pkg/api/equality"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// build makes origin Service and agent.
func (p *planner) build() {
	want := originService(p.n, p.w.Service, p.selector)
	switch have := p.w.originService(); {
	case have == nil:
		p.do(CreateOrigin{Service: want})
	case !sameOrigin(have, want):
		next := have.DeepCopy()
		next.Spec.Selector, next.Spec.Ports = want.Spec.Selector, want.Spec.Ports
		next.Spec.PublishNotReadyAddresses = want.Spec.PublishNotReadyAddresses
		p.do(UpdateOrigin{Service: next})
	}
	if p.w.App == nil || p.w.App.Template == nil {
		return
	}
	d, err := p.blueprint().deployment()
	if err != nil {
		return
	}
	have := p.w.agentDeployment()
	switch {
	case have == nil:
		p.do(CreateAgent{Secret: agentSecret(p.n, p.w.Service.Namespace, p.w.Settings.OperatorKey), Deployment: d})
	case p.replaceable() && have.Annotations[annotationSpecHash] != d.Annotations[annotationSpecHash]:
		p.do(DeleteSecrets{Namespace: have.Namespace, Target: p.n.uid})
		p.do(Delete{Object: have.DeepCopy()})
	}
}

// replaceable: no engine has been told of the agent yet, so that it may still change.
func (p *planner) replaceable() bool {
	return !slices.ContainsFunc(p.ruling.winners, func(in v1alpha1.Intercept) bool { return in.Status.Agent != nil })
}

func (p *planner) blueprint() blueprint {
	inherit := slices.ContainsFunc(p.ruling.winners, func(in v1alpha1.Intercept) bool { return in.Spec.Inherit })
	return blueprint{
		names: p.n, service: p.w.Service, selector: p.selector, app: p.w.App,
		inherit: inherit && p.w.Settings.Inherit.any(), settings: p.w.Settings,
	}
}

func sameOrigin(have, want *corev1.Service) bool {
	if !maps.Equal(have.Spec.Selector, want.Spec.Selector) || len(have.Spec.Ports) != len(want.Spec.Ports) ||
		have.Spec.PublishNotReadyAddresses != want.Spec.PublishNotReadyAddresses {
		return false
	}
	for i, h := range have.Spec.Ports {
		w := want.Spec.Ports[i]
		if h.Name != w.Name || h.Port != w.Port || protocolOf(h.Protocol) != protocolOf(w.Protocol) || h.TargetPort != w.TargetPort {
			return false
		}
	}
	return true
}

// grant lets the winners' users reach the agent's pod, and nobody else.
func (p *planner) grant() {
	pod := p.w.agentPod()
	if pod == nil {
		return
	}
	role := reachRole(p.n, pod)
	if !slices.ContainsFunc(p.w.Owned.Roles, func(h rbacv1.Role) bool {
		return h.Name == role.Name && apiequality.Semantic.DeepEqual(h.Rules, role.Rules)
	}) {
		p.do(PutRole{Role: role})
	}
	wanted := map[string]bool{}
	for i := range p.ruling.winners {
		b := reachBinding(p.n, &p.ruling.winners[i])
		wanted[b.Name] = true
		if !slices.ContainsFunc(p.w.Owned.Bindings, func(h rbacv1.RoleBinding) bool {
			return h.Name == b.Name && apiequality.Semantic.DeepEqual(h.Subjects, b.Subjects)
		}) {
			p.do(PutBinding{Binding: b})
		}
	}
	for i := range p.w.Owned.Bindings {
		if b := &p.w.Owned.Bindings[i]; !wanted[b.Name] && b.Labels[v1alpha1.LabelTarget] == string(p.n.uid) {
			p.do(Delete{Object: b.DeepCopy()})
		}
	}
}

// connect keeps the control channel to the agent's pod.
func (p *planner) connect() {
	p.plan.Link = p.linkPlan()
	d := control.Desired{Ports: p.desiredPorts()}
	if p.plan.Link == nil || d.Ports == nil {
		return
	}
	for _, in := range p.ruling.winners {
		c := control.Client{
			Intercept: string(in.UID), Key: tunnel.PublicKey(in.Spec.Client.Key),
			Inherit: in.Spec.Inherit && p.w.Settings.Inherit.any(), LeaseMillis: int64(in.Spec.LeaseSeconds) * 1000,
		}
		for _, port := range in.Spec.Ports {
			c.Ports = append(c.Ports, port.Port)
		}
		d.Clients = append(d.Clients, c)
	}
	p.plan.Link.Desired = &d
}

// desiredPorts are nil while the origin Service has no address.
func (p *planner) desiredPorts() []control.Port {
	origin := p.w.originService()
	if origin == nil || origin.Spec.ClusterIP == "" {
		return nil
	}
	return controlPorts(p.agentPorts(), origin.Spec.ClusterIP)
}

// linkPlan is the channel to the agent's pod, nil while it can't be reached.
func (p *planner) linkPlan() *LinkPlan {
	pod := p.w.agentPod()
	if pod == nil || pod.Status.PodIP == "" || !agentRunning(pod) {
		return nil
	}
	key, err := tunnel.ParsePublicKey(pod.Annotations[annotationAgentKey])
	if err != nil {
		return nil
	}
	return &LinkPlan{Pod: pod.UID, Address: net.JoinHostPort(pod.Status.PodIP, pod.Annotations[annotationControlPort]), Peer: key}
}

func agentRunning(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.Name == agentContainer && c.State.Running != nil
	})
}

// ownPort is the number that an annotation of the agent's pod tells, 0 without.
func ownPort(pod *corev1.Pod, annotation string) int32 {
	n, err := strconv.ParseInt(pod.Annotations[annotation], 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// notesOf tell what the agent can't have of the app.
func notesOf(d *appsv1.Deployment) string {
	if d == nil {
		return ""
	}
	return d.Annotations[annotationNotes]
}
