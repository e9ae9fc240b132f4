package controller

import (
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

// The clocks of the plan.
const (
	// awayGrace: a client that has been away for longer loses the selector.
	awayGrace = 500 * time.Millisecond
	// linkGrace: so long a switched Service waits for a lost control channel.
	linkGrace = time.Second
	// drainLimit bounds the wait for an agent that drains, heardLimit that for its word of it.
	drainLimit = 5 * time.Second
	heardLimit = time.Second
	// forgetDelay is for the nodes to learn of a restored selector; the agent hands on
	// to the origin until then.
	forgetDelay = 3 * time.Second
	// neverAttached: an engine that has not come by then does not come.
	neverAttached = 2 * time.Minute
	// maxReverts: after so many changes by somebody else we leave the Service alone.
	maxReverts = 3
)

// Plan is what is to be done, in this order: Actions, Link, Status, Memory.
type Plan struct {
	Actions []Action
	// Link is the control channel to keep, nil for none.
	Link *LinkPlan
	// Status of each live Intercept, when all actions have been done.
	Status map[types.UID]v1alpha1.InterceptStatus
	Memory Memory
	// Notices are for people.
	Notices []Notice
	// Recheck is when to look again if nothing happens; 0: never.
	Recheck time.Duration
}

// LinkPlan is a control channel.
type LinkPlan struct {
	Pod     types.UID
	Address string
	Peer    tunnel.PublicKey
	// Desired nil: say nothing new.
	Desired *control.Desired
}

// planner is one run of plan.
type planner struct {
	w        World
	n        names
	plan     Plan
	mode     redirection
	original *original.Original
	// selector is the origin's.
	selector map[string]string
	ruling   ruling
	// live: after this plan the Service is switched.
	live bool
}

// plan decides what to do about one Service. It is pure: all that it knows is in
// w, the time too. The rule above all others is in end and redirect: an annotated
// Service without a live Intercept is restored.
func plan(w World) Plan {
	p := &planner{w: w, n: w.names(), plan: Plan{Memory: w.Memory.clone(), Status: map[types.UID]v1alpha1.InterceptStatus{}}}
	p.remember()
	if w.Service != nil {
		p.read()
	}
	p.ruling = judge(&w, p.selector)
	switch {
	case w.Service == nil:
		p.dismantle()
	case len(p.ruling.winners) == 0:
		p.end()
	default:
		p.run()
	}
	p.standby()
	p.sweep()
	p.expire()
	p.report()
	p.announce()
	return p.plan
}

// read tells how the Service stands, and by which selector its origin is found.
func (p *planner) read() {
	var fallback map[string]string
	if o := p.w.originService(); o != nil {
		fallback = o.Spec.Selector
	}
	p.mode, p.original = readRedirection(p.w.Service, p.n, fallback)
	p.selector = p.w.Service.Spec.Selector
	if p.mode == switched {
		p.selector = p.original.Selector
	}
}

// run carries the winners out.
func (p *planner) run() {
	p.plan.Memory.DrainSince = time.Time{}
	p.redirect()
	p.build()
	p.grant()
	p.connect()
}

func (p *planner) do(a Action) { p.plan.Actions = append(p.plan.Actions, a) }

func (p *planner) recheck(d time.Duration) {
	if d = max(d, time.Millisecond); p.plan.Recheck == 0 || d < p.plan.Recheck {
		p.plan.Recheck = d
	}
}

// remember keeps the clocks of the Intercepts, and those of the ended ones until their
// end is told.
func (p *planner) remember() {
	clients := map[types.UID]ClientMemory{}
	for _, in := range p.w.live() {
		m := p.w.Memory.Clients[in.UID]
		if m.FirstSeen.IsZero() {
			m.FirstSeen = p.w.Now
		}
		m.About, m.Since = aboutOf(&in), in.CreationTimestamp.Time
		if cs, _ := p.client(in.UID); cs != nil {
			m.Counters = cs.Counters
			if heard := p.heardAt(); cs.Attached && heard.After(m.LastAttached) {
				m.LastAttached = heard
			}
		}
		m.Reverts = max(m.Reverts, in.Status.Reverts)
		clients[in.UID] = m
	}
	for uid, m := range p.w.Memory.Clients {
		if _, live := clients[uid]; live || !m.Begun {
			continue
		}
		if cs, _ := p.client(uid); cs != nil {
			m.Counters = cs.Counters
		}
		if m.Ended.IsZero() {
			m.Ended = p.w.Now
		}
		clients[uid] = m
	}
	p.plan.Memory.Clients = clients
}

// heardAt is when the agent's last word still held: a quiet session makes nobody look, so
// the last look may be long before the channel was lost.
func (p *planner) heardAt() time.Time {
	if p.w.Link.Connected {
		return p.w.Now
	}
	return p.w.Link.LostAt
}

func (m Memory) clone() Memory {
	m.Clients = maps.Clone(m.Clients)
	return m
}

// client is how an engine stands with the agent by its last word, and for how long
// it has been away by now.
func (p *planner) client(uid types.UID) (*control.ClientState, time.Duration) {
	o := p.w.Link.Observed
	if o == nil {
		return nil, 0
	}
	for i := range o.Clients {
		if o.Clients[i].Intercept == string(uid) {
			away := time.Duration(o.Clients[i].AwayMillis)*time.Millisecond + p.w.Now.Sub(p.w.Link.ReceivedAt)
			return &o.Clients[i], away
		}
	}
	return nil, 0
}

// expire ends the Intercepts of engines that are gone for good.
func (p *planner) expire() {
	for _, in := range p.ruling.all {
		since, limit, why := p.patience(&in)
		if left := since.Add(limit).Sub(p.w.Now); left > 0 {
			p.recheck(left)
			continue
		}
		p.do(DeleteIntercept{Intercept: in, Reason: why})
	}
}

// patience is since when and for how long an engine is waited for.
func (p *planner) patience(in *v1alpha1.Intercept) (since time.Time, limit time.Duration, why string) {
	lease := time.Duration(in.Spec.LeaseSeconds) * time.Second
	m := p.plan.Memory.Clients[in.UID]
	cs, away := p.client(in.UID)
	switch {
	case cs != nil && cs.Seen && !cs.Attached && p.w.Link.Connected:
		// The agent's clock runs on while the operator is away.
		return p.w.Now.Add(-away), lease, "the workstation has been away for longer than the lease"
	case !m.LastAttached.IsZero() && !p.w.Link.Connected && p.agentRuns():
		// It may be us who can't reach the agent.
		return m.LastAttached, max(lease, neverAttached), "the agent has not been heard of for longer than the lease"
	case !m.LastAttached.IsZero():
		return m.LastAttached, lease, "the workstation has been away for longer than the lease"
	}
	if everAttached(in) {
		// A former operator has seen it, and nobody has since this one began.
		return m.FirstSeen, lease, "the workstation has been away for longer than the lease"
	}
	return m.FirstSeen, max(lease, neverAttached), "the workstation has never connected"
}

func (p *planner) agentRuns() bool {
	pod := p.w.agentPod()
	return pod != nil && podReady(pod)
}
