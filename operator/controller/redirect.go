package controller

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

// standing is how far the way to the workstation goes.
type standing struct {
	// hold: a switched Service may stay so. begin: a plain one may be switched.
	hold, begin bool
	// why not.
	why string
	// recheck is when a grace ends.
	recheck time.Duration
}

// redirect decides on the selector.
func (p *planner) redirect() {
	winner := &p.ruling.winners[0]
	contested := p.countReverts(winner)
	s := p.standing(winner)
	switch p.mode {
	case halfway, reverted:
		p.do(FinishRestore{Service: p.w.Service, Original: *p.original})
		p.recheck(0)
	case switched:
		switch {
		case p.original.UID != winner.UID:
			p.restore("the Intercept for which it was switched is gone")
		case contested:
			p.restore("somebody else keeps changing it")
		case !s.hold:
			p.restore(s.why)
		default:
			p.live = true
			if s.recheck > 0 {
				p.recheck(s.recheck)
			}
		}
	case plain:
		if s.begin && !contested {
			p.turn(winner)
		}
	}
}

func (p *planner) turn(in *v1alpha1.Intercept) {
	p.live = true
	p.do(SwitchService{Service: p.w.Service, Original: original.Original{
		Selector: p.w.Service.Spec.Selector, Agent: p.n.agentSelector(p.w.Service.Spec.Selector),
		Intercept: in.Name, UID: in.UID, User: in.Spec.Client.User, Host: in.Spec.Client.Host,
	}})
}

// restore needs a selector to put back: when annotation and origin Service are both
// gone there is none, and the Service's owner must apply it again.
func (p *planner) restore(why string) {
	if len(p.original.Selector) == 0 {
		p.live = true
		return
	}
	p.do(RestoreService{Service: p.w.Service, Original: *p.original, Reason: why})
}

// countReverts counts a change of the selector, or of our annotation, by somebody else.
func (p *planner) countReverts(in *v1alpha1.Intercept) (contested bool) {
	m := p.plan.Memory.Clients[in.UID]
	byOther := p.mode == reverted || (p.mode == plain && p.w.Memory.Switched) || (p.mode == switched && p.original.UID == "")
	if byOther && p.w.Memory.RevertSeen != p.w.Service.ResourceVersion {
		m.Reverts++
		p.plan.Memory.RevertSeen = p.w.Service.ResourceVersion
		p.plan.Memory.Clients[in.UID] = m
	}
	if p.mode == plain {
		p.plan.Memory.Switched = false
	}
	return m.Reverts > maxReverts
}

// standing looks along the whole way: pod, control channel, workstation, listener.
func (p *planner) standing(in *v1alpha1.Intercept) standing {
	pod := p.w.agentPod()
	switch {
	case pod == nil:
		return standing{why: "the agent's pod is gone"}
	case !podReady(pod):
		return standing{why: "the agent's pod is not ready"}
	}
	if s, reached := p.linkStanding(in); !reached {
		return s
	}
	cs, away := p.client(in.UID)
	switch {
	case cs == nil:
		return standing{why: "the workstation is not connected"}
	case !cs.Attached && away >= awayGrace:
		return standing{why: "the workstation is away"}
	case !cs.Attached:
		return standing{hold: true, recheck: awayGrace - away, why: "the workstation is away"}
	}
	s := standing{hold: true}
	s.begin, s.why = p.mayBegin(in, cs.Serving)
	return s
}

// linkStanding is about the control channel. A lost one is waited for a moment,
// since the agent goes on with what it was told last, unless nobody listens there any more.
func (p *planner) linkStanding(in *v1alpha1.Intercept) (s standing, reached bool) {
	l := p.w.Link
	if l.Connected {
		return standing{}, true
	}
	lost := p.plan.Memory.Clients[in.UID].FirstSeen
	if l.LostAt.After(lost) {
		lost = l.LostAt
	}
	left := linkGrace - p.w.Now.Sub(lost)
	if l.Refused || left <= 0 {
		return standing{why: "the operator can't reach the agent"}, false
	}
	return standing{hold: true, recheck: left, why: "the operator is connecting to the agent"}, false
}

// mayBegin: everything is in place for calls to arrive and to be handed on.
func (p *planner) mayBegin(in *v1alpha1.Intercept, serving []int32) (bool, string) {
	if !p.w.Link.Current {
		return false, "the agent is being told"
	}
	wanted := slices.ContainsFunc(in.Spec.Ports, func(w v1alpha1.InterceptPort) bool { return slices.Contains(serving, w.Port) })
	if !wanted {
		return false, "waiting for a process of the session to listen on " + portList(in)
	}
	for _, f := range p.w.Link.Observed.Failures {
		return false, fmt.Sprintf("the agent can't listen on port %d: %s", f.TargetPort, f.Error)
	}
	for _, port := range p.agentPorts() {
		if !slices.Contains(p.w.Link.Observed.Listening, port.number) {
			return false, fmt.Sprintf("the agent does not listen on port %d yet", port.number)
		}
	}
	if !p.w.OriginReady {
		return false, "no pod of the app is ready to take the calls that the workstation does not take"
	}
	return true, ""
}

// agentPorts are the Service's ports as the agent pod resolves them.
func (p *planner) agentPorts() []targetPort {
	pod := p.w.agentPod()
	if pod == nil {
		return nil
	}
	return resolvePorts(p.w.Service, pod.Spec.Containers)
}

func portList(in *v1alpha1.Intercept) string {
	text := "port"
	for i, port := range in.Spec.Ports {
		switch {
		case i == 0 && len(in.Spec.Ports) > 1:
			text += "s"
		case i > 0:
			text += ","
		}
		text += fmt.Sprintf(" %d", port.Port)
	}
	return text
}

func podReady(pod *corev1.Pod) bool {
	if pod.Status.Phase != corev1.PodRunning || !pod.DeletionTimestamp.IsZero() {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
