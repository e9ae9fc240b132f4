package controller

import (
	"encoding/json"
	"testing"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/original"
)

// FuzzPlan: whatever people write into an Intercept, a Service and a workload, plan
// comes to a decision, and to the same one again. What the API server would refuse is
// tried as well: admission may be off, or of another version.
func FuzzPlan(f *testing.F) {
	f.Add([]byte(`{}`), []byte(`{}`), []byte(`{}`), true)
	f.Add([]byte(`{"spec":{"ports":[{"port":0},{"port":-1},{"port":99999}],"client":{"user":"","key":"x"},"leaseSeconds":-5}}`), []byte(`{"spec":{"ports":null,"selector":null}}`), []byte(`{"spec":{"containers":[{}]}}`), true)
	f.Add([]byte(`{"spec":{"inherit":true,"ports":[{"port":80}]}}`), []byte(`{"metadata":{"annotations":{"kubetunnel.dev/original":"{\"selector\":{}}"}},"spec":{"ports":[{"port":80,"targetPort":"nope"},{"port":80,"protocol":"UDP","targetPort":-3}]}}`),
		[]byte(`{"spec":{"volumes":[{"name":"v"},{"name":"t","projected":{"sources":null}}],"containers":[{"volumeMounts":[{"name":"v"},{"name":"gone","mountPath":""}],"env":[{"name":"A","valueFrom":{}},{"name":"B","valueFrom":{"resourceFieldRef":{"resource":"limits.","divisor":"0"}}}]}]}}`), false)
	f.Add([]byte(`{"status":{"agent":{},"conditions":[{}],"reverts":-1}}`), []byte(`{"metadata":{"annotations":{"kubetunnel.dev/original":"no JSON"},"managedFields":[{"fieldsV1":null},{"fieldsType":"x","fieldsV1":{}}]}}`), []byte(`{"spec":{"securityContext":{}}}`), true)
	f.Fuzz(func(t *testing.T, intercept, service, template []byte, agent bool) {
		w := interceptedWorld(t)
		if !agent {
			w.Owned, w.Link = Owned{}, LinkState{}
		}
		if json.Unmarshal(intercept, &w.Intercepts[0]) != nil || json.Unmarshal(service, w.Service) != nil || json.Unmarshal(template, w.App.Template) != nil {
			return
		}
		if len(w.App.Template.Spec.Containers) == 0 {
			return // gather takes the pod itself then, which has one
		}
		w.App.Token = true
		first, second := plan(w), plan(w)
		if kinds(first.Actions) != kinds(second.Actions) {
			t.Errorf("decided %s, and then %s", kinds(first.Actions), kinds(second.Actions))
		}
		for _, a := range first.Actions {
			_ = a.String()
			patchesOf(a)
		}
	})
}

// patchesOf makes the patches of an action, of which nothing but errors may come.
func patchesOf(a Action) {
	switch x := a.(type) {
	case SwitchService:
		_, _ = original.SwitchPatch(x.Service, x.Original)
	case RestoreService:
		_, _ = original.BackPatch(x.Service, x.Original)
		_, _ = original.FinishPatch(x.Service, x.Original)
	case FinishRestore:
		_, _ = original.FinishPatch(x.Service, x.Original)
	}
}

// FuzzSlimService: slimming and finding do not stumble over odd objects either.
func FuzzSlimService(f *testing.F) {
	f.Add([]byte(`{"metadata":{"annotations":{"kubetunnel.dev/original":"x"},"labels":{"kubetunnel.dev/target-uid":""}}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var in v1alpha1.Intercept
		svc := shopService("shop")
		if json.Unmarshal(raw, svc) != nil {
			return
		}
		_ = json.Unmarshal(raw, &in)
		if _, err := slimService(svc); err != nil {
			t.Error(err)
		}
		_ = targetOf(t.Context(), svc)
		_ = targetOf(t.Context(), &in)
		_ = of[v1alpha1.Intercept]([]v1alpha1.Intercept{in}, "cart")
	})
}
