package controller

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

// Reasons of the Events on a Service.
const (
	eventBegun     = "InterceptBegun"
	eventLive      = "Intercepted"
	eventRestored  = "Restored"
	eventEnded     = "InterceptEnded"
	eventRefused   = "InterceptRefused"
	eventFailed    = "InterceptFailed"
	eventContested = "InterceptContested"
)

// Notice is something of an Intercept's life that people are told: as an Event on the
// Service, and as an audit line in the operator's log.
type Notice struct {
	// Type is Normal or Warning, Reason one of the above, Note a sentence.
	Type, Reason, Note string
	About              About
	// Lasted and Counters are for the end.
	Lasted   time.Duration
	Counters control.Counters
}

// About is who intercepts what from where.
type About struct {
	Service   types.NamespacedName
	Intercept string
	UID       types.UID
	User      string
	Host      string
	Inherit   bool
	// Ports are numbers with commas between.
	Ports string
}

func aboutOf(in *v1alpha1.Intercept) About {
	a := About{
		Service: types.NamespacedName{Namespace: in.Namespace, Name: in.Spec.Service}, Intercept: in.Name, UID: in.UID,
		User: in.Spec.Client.User, Host: in.Spec.Client.Host, Inherit: in.Spec.Inherit,
	}
	var ports []string
	for _, p := range in.Spec.Ports {
		ports = append(ports, strconv.Itoa(int(p.Port)))
	}
	a.Ports = strings.Join(ports, ",")
	return a
}

func aboutOriginal(svc *corev1.Service, o *original.Original) About {
	return About{Service: types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}, Intercept: o.Intercept, UID: o.UID, User: o.User, Host: o.Host}
}

// who is the user as text, for people: what a workstation says of itself may hold anything.
func (a About) who() string {
	switch {
	case a.User == "":
		return "an unknown user"
	case a.Host == "":
		return printable(a.User)
	}
	return printable(a.User) + " on " + printable(a.Host)
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// announce notes what is new since the last look: begun, in trouble, ended.
func (p *planner) announce() {
	for i := range p.ruling.all {
		in := &p.ruling.all[i]
		m := p.plan.Memory.Clients[in.UID]
		if v := p.ruling.verdicts[string(in.UID)]; v.reason == "" && !m.Begun {
			m.Begun = true
			if !accepted(in) { // else a former operator has told it
				p.notice(corev1.EventTypeNormal, eventBegun, "%s begins to intercept %s (Intercept %s)", aboutOf(in), portList(in), in.Name)
			}
		}
		state, message := p.plan.Status[in.UID].State, p.plan.Status[in.UID].Message
		reason, trouble := map[v1alpha1.InterceptState]string{
			v1alpha1.StateRefused: eventRefused, v1alpha1.StateFailed: eventFailed, v1alpha1.StateContested: eventContested,
		}[state]
		if trouble && m.Trouble != state && in.Status.State != state {
			p.notice(corev1.EventTypeWarning, reason, "the intercept by %s: %s", aboutOf(in), message)
		}
		m.Trouble = ""
		if trouble {
			m.Trouble = state
		}
		p.plan.Memory.Clients[in.UID] = m
	}
	p.announceEnds()
}

// announceEnds tells of what is over as soon as the agent has counted what it served: it
// was told of the end in the run that first saw it.
func (p *planner) announceEnds() {
	for uid, m := range p.plan.Memory.Clients {
		if m.Ended.IsZero() {
			continue
		}
		left := m.Ended.Add(heardLimit).Sub(p.w.Now)
		heard := p.w.Link.Current && m.Ended.Before(p.w.Now)
		if p.w.Link.Connected && !heard && left > 0 {
			p.recheck(left)
			continue
		}
		p.plan.Notices = append(p.plan.Notices, m.over(m.Ended))
		delete(p.plan.Memory.Clients, uid)
	}
}

func (p *planner) notice(kind, reason, format string, about About, args ...any) {
	p.plan.Notices = append(p.plan.Notices, Notice{
		Type: kind, Reason: reason, About: about, Note: fmt.Sprintf(format, append([]any{about.who()}, args...)...),
	})
}

// over tells of an intercept that was and is no more.
func (m ClientMemory) over(at time.Time) Notice {
	// The object's age is in whole seconds: less than one is told as one.
	lasted := max(at.Sub(m.Since).Round(time.Second), time.Second)
	n := Notice{Type: corev1.EventTypeNormal, Reason: eventEnded, About: m.About, Lasted: lasted, Counters: m.Counters}
	n.Note = fmt.Sprintf("the intercept by %s has ended after %s: the workstation took %d connections, the app's own pods %d", n.About.who(), n.Lasted, m.Counters.Connections, m.Counters.Origin)
	return n
}
