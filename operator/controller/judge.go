package controller

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// verdict on an Intercept: accepted when reason is "".
type verdict struct {
	reason  string
	message string
}

func refuse(reason, format string, args ...any) verdict {
	return verdict{reason: reason, message: fmt.Sprintf(format, args...)}
}

// ruling is what became of the Intercepts of a Service.
type ruling struct {
	// winners share the agent. For now there is one at most; modes that split
	// calls between clients make it more.
	winners  []v1alpha1.Intercept
	verdicts map[string]verdict
	// all are the live Intercepts, in the order in which they were judged.
	all []v1alpha1.Intercept
}

// judge decides which Intercepts are carried out. Who has been accepted stays so
// for as long as the Service exists: an origin that is being redeployed, say, must
// not end a debug session.
func judge(w *World, selector map[string]string) ruling {
	r := ruling{verdicts: map[string]verdict{}, all: w.live()}
	slices.SortFunc(r.all, func(a, b v1alpha1.Intercept) int {
		return cmp.Or(
			cmp.Compare(rank(&a), rank(&b)),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Name, b.Name),
		)
	})
	for _, in := range r.all {
		v := judgeOne(w, &in, selector)
		if v.reason == "" && len(r.winners) > 0 {
			c := r.winners[0].Spec.Client
			v = refuse(v1alpha1.ReasonAlreadyIntercepted, "Service %s is intercepted by %s (Intercept %s)", in.Spec.Service, person(c), r.winners[0].Name)
		}
		if v.reason == "" {
			r.winners = append(r.winners, in)
		}
		r.verdicts[string(in.UID)] = v
	}
	return r
}

func rank(in *v1alpha1.Intercept) int {
	if accepted(in) {
		return 0
	}
	return 1
}

func accepted(in *v1alpha1.Intercept) bool {
	return meta.IsStatusConditionTrue(in.Status.Conditions, v1alpha1.ConditionAccepted)
}

func person(c v1alpha1.InterceptClient) string { return About{User: c.User, Host: c.Host}.who() }

func judgeOne(w *World, in *v1alpha1.Intercept, selector map[string]string) verdict {
	name := in.Spec.Service
	if w.Service == nil || !w.Service.DeletionTimestamp.IsZero() {
		return refuse(v1alpha1.ReasonServiceNotFound, "there is no Service %s in namespace %s", name, in.Namespace)
	}
	if w.Service.Spec.Type == corev1.ServiceTypeExternalName || len(selector) == 0 {
		return refuse(v1alpha1.ReasonNoSelector, "Service %s has no selector, so there are no pods of which the workstation could take the place", name)
	}
	if accepted(in) {
		return verdict{}
	}
	if in.Spec.Inherit && !w.Settings.Inherit.any() {
		return refuse(v1alpha1.ReasonInheritDisabled, "the operator's settings do not allow to inherit an app's environment, files and identity; ask for an intercept without (inherit: false)")
	}
	return judgeApp(w, in)
}

// judgeApp looks at what runs behind the Service.
func judgeApp(w *World, in *v1alpha1.Intercept) verdict {
	if v := judgeKinds(w.Service, in); v.reason != "" {
		return v
	}
	app := w.App
	if app == nil || app.Template == nil || app.ReadyPods == 0 {
		return refuse(v1alpha1.ReasonNoOrigin, "no pod behind Service %s is ready, so nothing could serve the calls that the workstation does not take", in.Spec.Service)
	}
	if app.Governed != "" {
		return refuse(v1alpha1.ReasonHeadless, "Service %s gives the pods of StatefulSet %s their names; a switch would take these away from the peers. Choose a Service beside it", in.Spec.Service, app.Governed)
	}
	resolved := resolvePorts(w.Service, app.Template.Spec.Containers)
	for _, want := range in.Spec.Ports {
		if !slices.ContainsFunc(resolved, func(p targetPort) bool { return p.Port == want.Port }) {
			return refuse(v1alpha1.ReasonUnresolvedPort, "port %d of Service %s has a target port by a name that no container of the app declares", want.Port, in.Spec.Service)
		}
	}
	return verdict{}
}

// judgeKinds looks at the ports that were asked for: they exist and are TCP.
func judgeKinds(svc *corev1.Service, in *v1alpha1.Intercept) verdict {
	for _, want := range in.Spec.Ports {
		found, tcp := false, false
		for _, p := range svc.Spec.Ports {
			if p.Port == want.Port {
				found, tcp = true, tcp || protocolOf(p.Protocol) == corev1.ProtocolTCP
			}
		}
		if !found {
			return refuse(v1alpha1.ReasonUnknownPort, "Service %s has no port %d", svc.Name, want.Port)
		}
		if !tcp {
			return refuse(v1alpha1.ReasonProtocol, "port %d of Service %s is not TCP; other protocols can't go to a workstation yet", want.Port, svc.Name)
		}
	}
	for _, p := range svc.Spec.Ports {
		if protocolOf(p.Protocol) == corev1.ProtocolSCTP {
			return refuse(v1alpha1.ReasonProtocol, "Service %s has a port by SCTP, which the agent could not hand on to the origin", svc.Name)
		}
	}
	return verdict{}
}
