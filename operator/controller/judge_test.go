package controller

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

func TestRefusals(t *testing.T) {
	firstPort := func(f func(*corev1.ServicePort)) change {
		return func(w *World) { f(&w.Service.Spec.Ports[0]) }
	}
	cases := map[string]struct {
		change change
		want   string
	}{
		"all is well":            {func(*World) {}, ""},
		"no Service":             {func(w *World) { w.Service = nil }, v1alpha1.ReasonServiceNotFound},
		"no selector":            {func(w *World) { w.Service.Spec.Selector = nil }, v1alpha1.ReasonNoSelector},
		"ExternalName":           {func(w *World) { w.Service.Spec.Type = corev1.ServiceTypeExternalName }, v1alpha1.ReasonNoSelector},
		"a StatefulSet's own":    {func(w *World) { w.App.Governed = "db" }, v1alpha1.ReasonHeadless},
		"unknown port":           {intercept0(func(in *v1alpha1.Intercept) { in.Spec.Ports[0].Port = 81 }), v1alpha1.ReasonUnknownPort},
		"a name that nobody has": {func(w *World) { w.App.Template.Spec.Containers[0].Ports = nil }, v1alpha1.ReasonUnresolvedPort},
		"no pod":                 {func(w *World) { w.App = &App{} }, v1alpha1.ReasonNoOrigin},
		"inherit is disabled":    {func(w *World) { w.Settings.Inherit = Inherit{} }, v1alpha1.ReasonInheritDisabled},
		"UDP asked for":          {firstPort(func(p *corev1.ServicePort) { p.Protocol = corev1.ProtocolUDP }), v1alpha1.ReasonProtocol},
		"SCTP beside it": {func(w *World) {
			w.Service.Spec.Ports = append(w.Service.Spec.Ports, corev1.ServicePort{Port: 9, Protocol: corev1.ProtocolSCTP})
		}, v1alpha1.ReasonProtocol},
		"UDP beside it": {func(w *World) {
			w.Service.Spec.Ports = append(w.Service.Spec.Ports, corev1.ServicePort{Port: 9, Protocol: corev1.ProtocolUDP})
		}, ""},
		"accepted, and then no pod":  {func(w *World) { wasAccepted(w); w.App = &App{} }, ""},
		"accepted, and then no port": {func(w *World) { wasAccepted(w); w.Service.Spec.Ports[0].Port = 82 }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := interceptedWorld(t, c.change)
			var selector map[string]string
			if w.Service != nil {
				selector = w.Service.Spec.Selector
			}
			got := judge(&w, selector).verdicts["in-one"]
			if got.reason != c.want {
				t.Fatalf("%q (%s), want %q", got.reason, got.message, c.want)
			}
			if got.reason != "" && got.message == "" {
				t.Fatal("without a word")
			}
		})
	}
}

func TestTheOldestWinsUnlessAnotherIsAlreadyThere(t *testing.T) {
	cases := map[string]struct {
		change func(older, newer *v1alpha1.Intercept)
		want   string
	}{
		"the older":                       {func(_, _ *v1alpha1.Intercept) {}, "older"},
		"the accepted":                    {func(_, n *v1alpha1.Intercept) { n.Status.Conditions = acceptedConditions() }, "newer"},
		"not the one on its way out":      {func(o, _ *v1alpha1.Intercept) { now := o.CreationTimestamp; o.DeletionTimestamp = &now }, "newer"},
		"not the one that can't be had":   {func(o, _ *v1alpha1.Intercept) { o.Spec.Ports[0].Port = 9 }, "newer"},
		"by name when of the same second": {func(o, n *v1alpha1.Intercept) { o.CreationTimestamp = n.CreationTimestamp }, "newer"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			older, newer := newTestIntercept("older", noon.Add(-time.Hour)), newTestIntercept("newer", noon)
			c.change(&older, &newer)
			w := interceptedWorld(t, func(w *World) { w.Intercepts = []v1alpha1.Intercept{newer, older} })
			winners := judge(&w, w.Service.Spec.Selector).winners
			if len(winners) != 1 || winners[0].Name != c.want {
				t.Fatalf("%+v", winners)
			}
		})
	}
}
