package controller

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// end takes everything back, in reverse: the selector, what runs through the
// agent, the agent. It is also what happens at the operator's start to whatever a
// former operator left.
func (p *planner) end() {
	switch p.mode {
	case switched:
		p.restore("its Intercept is gone")
	case halfway, reverted:
		p.do(FinishRestore{Service: p.w.Service, Original: *p.original})
	case plain:
		// Nothing of ours on it.
	}
	p.plan.Memory.Switched = false
	p.revoke()
	if p.nothingLeft() {
		p.plan.Memory = Memory{Clients: p.plan.Memory.Clients}
		return
	}
	if wait := p.drain(); wait > 0 {
		p.recheck(wait)
		return
	}
	p.plan.Memory = Memory{Clients: p.plan.Memory.Clients}
	p.plan.Link = nil
	p.dismantle()
}

// revoke takes the users' way to the agent at once: what drains has its connection.
func (p *planner) revoke() {
	for i := range p.w.Owned.Bindings {
		if b := &p.w.Owned.Bindings[i]; !p.removed(b) {
			p.do(Delete{Object: b.DeepCopy()})
		}
	}
}

// drain tells the agent to end what it has, and says for how long to wait at most.
func (p *planner) drain() time.Duration {
	m := &p.plan.Memory
	if m.DrainSince.IsZero() {
		m.DrainSince = p.w.Now
	}
	p.plan.Link = p.linkPlan()
	if p.plan.Link != nil {
		// Its listeners stay: until all nodes have learned of the selector, calls still come.
		// So do its clients, for the last calls to them: without any it keeps those that a former
		// operator has named.
		d := control.Desired{Ports: p.desiredPorts()}
		if p.w.Link.Desired != nil && p.w.Link.Pod == p.plan.Link.Pod {
			d = *p.w.Link.Desired
		}
		d.Generation, d.Draining, d.DrainMillis = 0, true, drainLimit.Milliseconds()
		p.plan.Link.Desired = &d
	}
	var wait time.Duration
	switch {
	case p.mode == switched:
		// Right now the selector goes back.
		wait = forgetDelay
	case !m.RestoredAt.IsZero():
		wait = m.RestoredAt.Add(forgetDelay).Sub(p.w.Now)
	}
	heard := m.DrainSince.Add(drainLimit + heardLimit)
	l := p.w.Link
	switch {
	case p.active():
		wait = max(wait, heard.Sub(p.w.Now))
	case p.plan.Link != nil && l.Observed == nil && !l.Refused:
		// An operator that has just started does not know yet what is under way.
		wait = max(wait, m.DrainSince.Add(heardLimit).Sub(p.w.Now))
	}
	if l.Connected && l.Observed != nil {
		remembered := time.Duration(l.Observed.RememberedMillis) * time.Millisecond
		wait = max(wait, min(remembered, heard.Add(control.ResetMemory).Sub(p.w.Now)))
	}
	return wait
}

// active: the agent has something of a workstation that may still end well.
func (p *planner) active() bool {
	l := p.w.Link
	if !l.Connected || l.Observed == nil {
		return false
	}
	if l.Current && l.Desired != nil && l.Desired.Draining && l.Observed.Drained {
		return false
	}
	for _, c := range l.Observed.Clients {
		if c.Counters.Active > 0 {
			return true
		}
	}
	return false
}

func (p *planner) nothingLeft() bool { return len(p.owned()) == 0 }

// owned are all our objects, in the order in which they are removed: rights first,
// and last the origin Service, which reminds a restarted operator of the rest.
func (p *planner) owned() []client.Object {
	var all []client.Object
	o := &p.w.Owned
	for i := range o.Bindings {
		all = append(all, &o.Bindings[i])
	}
	for i := range o.Roles {
		all = append(all, &o.Roles[i])
	}
	for i := range o.Deployments {
		all = append(all, &o.Deployments[i])
	}
	for i := range o.Services {
		all = append(all, &o.Services[i])
	}
	return all
}

// dismantle removes all that was made for Services of this name.
func (p *planner) dismantle() {
	p.remove(func(types.UID) bool { return true })
}

// sweep removes what was made for a former Service of the same name.
func (p *planner) sweep() {
	if p.w.Service != nil {
		p.remove(func(target types.UID) bool { return target != p.w.Service.UID })
	}
}

func (p *planner) remove(which func(target types.UID) bool) {
	secrets := map[types.UID]bool{}
	for _, object := range p.owned() {
		target := types.UID(object.GetLabels()[v1alpha1.LabelTarget])
		if !which(target) || p.removed(object) {
			continue
		}
		if !secrets[target] {
			secrets[target] = true
			p.do(DeleteSecrets{Namespace: p.w.Key.Namespace, Target: target})
		}
		p.do(Delete{Object: object})
	}
}

// removed: a removal is planned, or under way.
func (p *planner) removed(object client.Object) bool {
	if !object.GetDeletionTimestamp().IsZero() {
		return true
	}
	for _, a := range p.plan.Actions {
		if d, ok := a.(Delete); ok && d.Object.GetUID() == object.GetUID() && d.Object.GetName() == object.GetName() {
			return true
		}
	}
	return false
}
