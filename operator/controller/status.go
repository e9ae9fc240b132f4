package controller

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// report writes the status of each live Intercept as it is when the plan is done.
func (p *planner) report() {
	for _, in := range p.ruling.all {
		s := in.Status.DeepCopy()
		if v := p.ruling.verdicts[string(in.UID)]; v.reason != "" {
			p.reportRefused(s, v)
		} else {
			p.reportAccepted(s, &in)
		}
		p.plan.Status[in.UID] = *s
	}
}

func (p *planner) reportRefused(s *v1alpha1.InterceptStatus, v verdict) {
	s.State, s.Message, s.Agent = v1alpha1.StateRefused, v.message, nil
	p.condition(s, v1alpha1.ConditionAccepted, false, v.reason, v.message)
	for _, c := range []string{v1alpha1.ConditionAgentReady, v1alpha1.ConditionAttached, v1alpha1.ConditionSwitched} {
		meta.RemoveStatusCondition(&s.Conditions, c)
	}
}

func (p *planner) reportAccepted(s *v1alpha1.InterceptStatus, in *v1alpha1.Intercept) {
	m := p.plan.Memory.Clients[in.UID]
	health := diagnose(&p.w)
	standing := p.standing(in)
	cs, _ := p.client(in.UID)
	attached := cs != nil && cs.Attached && p.w.Link.Connected
	was := attached || everAttached(in) || !m.LastAttached.IsZero() || (cs != nil && cs.Seen)
	contested := m.Reverts > maxReverts
	s.Reverts = m.Reverts
	p.reportAgent(s)
	ready := s.Agent != nil && health.ready && p.w.Link.Connected

	p.condition(s, v1alpha1.ConditionAccepted, true, "Accepted", "")
	p.condition(s, v1alpha1.ConditionAgentReady, ready, health.reason, health.message)
	p.condition(s, v1alpha1.ConditionAttached, attached, pick(attached, "Attached", pick(was, v1alpha1.ReasonAway, "NotYet")), pick(attached, "", "the workstation is not connected"))
	p.condition(s, v1alpha1.ConditionSwitched, p.live, pick(p.live, "Switched", "NotSwitched"), pick(p.live, "", standing.why))

	name := in.Spec.Service
	switch {
	case contested:
		s.State, s.Message = v1alpha1.StateContested, contestedMessage(in)
	case p.live:
		s.State, s.Message = v1alpha1.StateLive, p.liveMessage(in)
	case health.failed:
		s.State, s.Message = v1alpha1.StateFailed, health.message
	case s.Agent == nil:
		s.State, s.Message = v1alpha1.StatePreparing, pick(health.message != "", health.message, standing.why)
	case attached:
		s.State, s.Message = v1alpha1.StateReady, fmt.Sprintf("Service %s is as it was: %s", name, standing.why)
	case was:
		s.State, s.Message = v1alpha1.StateDetached, fmt.Sprintf("Service %s is back with its own pods: %s", name, standing.why)
	default:
		s.State, s.Message = v1alpha1.StateReady, "waiting for the workstation to connect"
	}
}

// everAttached tells by the status, which outlives the operator, whether the workstation was ever there.
func everAttached(in *v1alpha1.Intercept) bool {
	c := meta.FindStatusCondition(in.Status.Conditions, v1alpha1.ConditionAttached)
	return c != nil && (c.Status == metav1.ConditionTrue || c.Reason == v1alpha1.ReasonAway)
}

// reportAgent tells how to reach the agent, once it knows the present engines. A
// control channel that is lost meanwhile takes nothing back: the tunnel is another one.
func (p *planner) reportAgent(s *v1alpha1.InterceptStatus) {
	pod := p.w.agentPod()
	if pod == nil {
		s.Agent = nil
		return
	}
	known := s.Agent != nil && s.Agent.Pod == pod.Name
	if !known && (!p.w.Link.Connected || !p.w.Link.Current || p.w.Link.Pod != pod.UID) {
		s.Agent = nil
		return
	}
	s.Agent = &v1alpha1.InterceptAgent{
		Pod: pod.Name, Key: pod.Annotations[annotationAgentKey], TunnelPort: ownPort(pod, annotationTunnelPort), UpgradePort: ownPort(pod, annotationUpgradePort),
		Ports: statusPorts(p.agentPorts()), Inherited: hasTwin(pod),
		Networks: p.w.Networks,
	}
}

func (p *planner) liveMessage(in *v1alpha1.Intercept) string {
	text := fmt.Sprintf("calls of Service %s, %s, go to %s", in.Spec.Service, portList(in), person(in.Spec.Client))
	if notes := notesOf(p.w.agentDeployment()); notes != "" {
		text += " (" + notes + ")"
	}
	return text
}

// contestedMessage has the rule by which a GitOps tool leaves the selector alone.
func contestedMessage(in *v1alpha1.Intercept) string {
	return fmt.Sprintf("somebody else keeps changing the selector of Service %s, so it is left alone. If it is Argo CD, add to the Application: "+
		"spec.ignoreDifferences: [{kind: Service, name: %s, jsonPointers: [/spec/selector]}] and syncOptions: [RespectIgnoreDifferences=true]; "+
		"with Flux, annotate the Service: kustomize.toolkit.fluxcd.io/ssa: IfNotPresent", in.Spec.Service, in.Spec.Service)
}

func (p *planner) condition(s *v1alpha1.InterceptStatus, kind string, holds bool, reason, message string) {
	if reason == "" {
		reason = pick(holds, "True", "False")
	}
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&s.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(p.w.Now.Truncate(1e9)),
	})
}

func pick[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}
