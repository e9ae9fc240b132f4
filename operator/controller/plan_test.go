package controller

import (
	"maps"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

const (
	dismantled = "DeleteSecrets DeleteRoleBinding DeleteRole DeleteDeployment DeleteService"
	// ended is dismantled where the users' way to the agent goes before all else.
	ended = "DeleteRoleBinding DeleteSecrets DeleteRole DeleteDeployment DeleteService"
)

func TestPlan(t *testing.T) {
	old := types.UID("in-one")
	seen := func(first, attached time.Duration) change {
		return func(w *World) {
			m := ClientMemory{FirstSeen: noon.Add(-first)}
			if attached > 0 {
				m.LastAttached = noon.Add(-attached)
			}
			w.Memory.Clients = map[types.UID]ClientMemory{old: m}
		}
	}
	lost := func(since time.Duration, refused bool) change {
		return func(w *World) {
			w.Link.Connected, w.Link.Current, w.Link.LostAt, w.Link.Refused = false, false, noon.Add(-since), refused
		}
	}
	wasTold := func(w *World) {
		w.Intercepts[0].Status.Agent = &v1alpha1.InterceptAgent{Pod: w.Owned.Pods[0].Name}
	}
	cases := map[string]struct {
		changes []change
		want    string
		state   v1alpha1.InterceptState
	}{
		"a new Intercept gets origin and agent": {
			[]change{func(w *World) { w.Owned, w.Link = Owned{}, LinkState{} }}, "CreateOrigin CreateAgent", v1alpha1.StatePreparing},
		"a workstation that serves gets the Service":     {nil, "SwitchService", v1alpha1.StateLive},
		"a switched Service is left alone":               {[]change{isSwitched}, "", v1alpha1.StateLive},
		"a rebuild of the debuggee does not switch back": {[]change{isSwitched, client0(func(c *control.ClientState) { c.Serving = nil })}, "", v1alpha1.StateLive},

		"not attached yet":                       {[]change{client0(func(c *control.ClientState) { *c = control.ClientState{Intercept: "in-one"} })}, "", v1alpha1.StateReady},
		"nothing listens yet":                    {[]change{client0(func(c *control.ClientState) { c.Serving = nil })}, "", v1alpha1.StateReady},
		"another port listens":                   {[]change{client0(func(c *control.ClientState) { c.Serving = []int32{81} })}, "", v1alpha1.StateReady},
		"the agent does not listen on all ports": {[]change{func(w *World) { w.Link.Observed.Listening = nil }}, "", v1alpha1.StateReady},
		"the agent can't listen":                 {[]change{func(w *World) { w.Link.Observed.Failures = []control.PortFailure{{TargetPort: 8080, Error: "taken"}} }}, "", v1alpha1.StateReady},
		"the agent has an older word":            {[]change{wasAccepted, func(w *World) { w.Link.Current = false }}, "", v1alpha1.StatePreparing},
		"no origin to fall back to":              {[]change{func(w *World) { w.OriginReady = false }}, "", v1alpha1.StateReady},
		"the agent's pod is not ready":           {[]change{func(w *World) { w.Owned.Pods[0].Status.Conditions = nil }}, "", v1alpha1.StateReady},

		"away for a moment": {[]change{isSwitched, client0(func(c *control.ClientState) { c.Attached, c.AwayMillis = false, 100 })}, "", v1alpha1.StateLive},
		"away for longer":   {[]change{isSwitched, away}, "RestoreService", v1alpha1.StateDetached},
		"away by now, though not yet at the agent's last word":         {[]change{isSwitched, client0(func(c *control.ClientState) { c.Attached = false }), func(w *World) { w.Link.ReceivedAt = noon.Add(-time.Second) }}, "RestoreService", v1alpha1.StateDetached},
		"away for longer than the lease":                               {[]change{isSwitched, client0(func(c *control.ClientState) { c.Attached, c.AwayMillis = false, 61_000 })}, "RestoreService DeleteIntercept", v1alpha1.StateDetached},
		"never came":                                                   {[]change{client0(func(c *control.ClientState) { *c = control.ClientState{Intercept: "in-one"} }), seen(121*time.Second, 0)}, "DeleteIntercept", v1alpha1.StateReady},
		"came while a former operator was there":                       {[]change{client0(func(c *control.ClientState) { *c = control.ClientState{Intercept: "in-one"} }), wasAttached, seen(61*time.Second, 0)}, "DeleteIntercept", v1alpha1.StateDetached},
		"was quiet for its lease, and the agent has just gone":         {[]change{func(w *World) { w.Owned.Pods = nil }, seen(time.Hour, 61*time.Second), lost(time.Second, true)}, "", v1alpha1.StatePreparing},
		"was quiet for its lease, and the agent can't be reached":      {[]change{seen(time.Hour, 3*time.Minute), lost(time.Second, false)}, "", v1alpha1.StatePreparing},
		"the agent went longer ago than the lease":                     {[]change{func(w *World) { w.Owned.Pods = nil }, seen(time.Hour, 3*time.Minute), lost(61*time.Second, true)}, "DeleteIntercept", v1alpha1.StatePreparing},
		"came, and is gone from a new agent for longer than the lease": {[]change{client0(func(c *control.ClientState) { *c = control.ClientState{Intercept: "in-one"} }), seen(time.Hour, 61*time.Second)}, "DeleteIntercept", v1alpha1.StateDetached},

		"the control channel is lost for a moment":                   {[]change{isSwitched, lost(200*time.Millisecond, false)}, "", v1alpha1.StateLive},
		"the control channel is lost for longer":                     {[]change{isSwitched, lost(1200*time.Millisecond, false), wasTold, seen(time.Minute, time.Second)}, "RestoreService", v1alpha1.StateDetached},
		"nobody listens at the agent's any more":                     {[]change{isSwitched, lost(10*time.Millisecond, true), wasTold, seen(time.Minute, time.Second)}, "RestoreService", v1alpha1.StateDetached},
		"an operator that has just started waits for its first word": {[]change{isSwitched, func(w *World) { w.Link = LinkState{} }}, "", v1alpha1.StateLive},
		"the agent's pod is on its way out":                          {[]change{isSwitched, func(w *World) { now := metav1.NewTime(noon); w.Owned.Pods[0].DeletionTimestamp = &now }}, "RestoreService", v1alpha1.StatePreparing},
		"the agent's Deployment was deleted by somebody":             {[]change{isSwitched, func(w *World) { w.Owned.Deployments, w.Owned.Pods = nil, nil }}, "RestoreService CreateAgent", v1alpha1.StatePreparing},

		"half restored by a former operator":            {[]change{restoredHalfway}, "FinishRestore", v1alpha1.StateReady},
		"switched for an Intercept that is gone":        {[]change{isSwitched, intercept0(func(in *v1alpha1.Intercept) { in.UID = "in-new" })}, "RestoreService PutBinding DeleteRoleBinding", v1alpha1.StateReady},
		"somebody else's selector is kept":              {[]change{isSwitched, selectorIs(map[string]string{"app": "cart"})}, "FinishRestore", v1alpha1.StateReady},
		"somebody else removed selector and annotation": {[]change{isSwitched, selectorIs(map[string]string{"app": "cart"}), withoutAnnotation}, "SwitchService", v1alpha1.StateLive},
		"somebody removed the annotation only":          {[]change{isSwitched, withoutAnnotation}, "RestoreService", v1alpha1.StateReady},
		"contested":                                     {[]change{intercept0(func(in *v1alpha1.Intercept) { in.Status.Reverts = 4 })}, "", v1alpha1.StateContested},
		"contested while switched":                      {[]change{isSwitched, intercept0(func(in *v1alpha1.Intercept) { in.Status.Reverts = 4 })}, "RestoreService", v1alpha1.StateContested},

		"the origin follows the selector":            {[]change{selectorIs(map[string]string{"app": "cart", "v": "2"}), wasAccepted}, "SwitchService UpdateOrigin", v1alpha1.StateLive},
		"another app version before anyone was told": {[]change{func(w *World) { w.App.Template.Spec.Containers[0].Image = "cart:2" }}, "SwitchService DeleteSecrets DeleteDeployment", v1alpha1.StateLive},
		"another app version in mid-session":         {[]change{wasAccepted, func(w *World) { w.App.Template.Spec.Containers[0].Image = "cart:2" }}, "SwitchService", v1alpha1.StateLive},
		"an origin that restarts in mid-session":     {[]change{wasAccepted, isSwitched, func(w *World) { w.App = &App{}; w.OriginReady = false }}, "", v1alpha1.StateLive},
		"another pod of the agent":                   {[]change{func(w *World) { w.Owned.Pods[0].Name += "2" }}, "SwitchService PutRole", v1alpha1.StateLive},

		"the Intercept is gone":                   {[]change{isSwitched, noIntercept}, "RestoreService DeleteRoleBinding", ""},
		"the Intercept is on its way out":         {[]change{isSwitched, intercept0(func(in *v1alpha1.Intercept) { now := metav1.NewTime(noon); in.DeletionTimestamp = &now })}, "RestoreService DeleteRoleBinding", ""},
		"gone, and the nodes still learn of it":   {[]change{noIntercept, func(w *World) { w.Memory.RestoredAt = noon.Add(-time.Second) }}, "DeleteRoleBinding", ""},
		"gone, and the nodes know":                {[]change{noIntercept, func(w *World) { w.Memory.RestoredAt = noon.Add(-4 * time.Second) }}, ended, ""},
		"gone, and a call is still under way":     {[]change{noIntercept, client0(func(c *control.ClientState) { c.Counters.Active = 1 }), drained(4, false)}, "DeleteRoleBinding", ""},
		"gone, and the last call has ended":       {[]change{noIntercept, client0(func(c *control.ClientState) { c.Counters.Active = 1 }), drained(4, true)}, ended, ""},
		"gone, and a reset is remembered":         {[]change{noIntercept, drained(4, true), remembered(time.Second)}, "DeleteRoleBinding", ""},
		"gone, and resets without end":            {[]change{noIntercept, drained(16, true), remembered(time.Second)}, ended, ""},
		"gone, and the agent that reset is lost":  {[]change{noIntercept, drained(4, true), remembered(time.Second), func(w *World) { w.Link.Connected = false }}, ended, ""},
		"gone, and a call that does not end":      {[]change{noIntercept, client0(func(c *control.ClientState) { c.Counters.Active = 1 }), drained(6, false)}, ended, ""},
		"gone, and never switched":                {[]change{noIntercept}, ended, ""},
		"gone, and the agent is not heard yet":    {[]change{noIntercept, unheard}, "DeleteRoleBinding", ""},
		"gone, and nobody listens at the agent's": {[]change{noIntercept, unheard, func(w *World) { w.Link.Refused = true }}, ended, ""},
		"gone, and the agent is never heard":      {[]change{noIntercept, unheard, func(w *World) { w.Memory.DrainSince = noon.Add(-2 * time.Second) }}, ended, ""},
		"gone, and the agent has no pod":          {[]change{noIntercept, unheard, func(w *World) { w.Owned.Pods = nil }}, ended, ""},
		"gone while no operator was there":        {[]change{isSwitched, noIntercept, func(w *World) { w.Owned, w.Memory, w.Link = Owned{}, Memory{}, LinkState{} }}, "RestoreService", ""},
		"an annotation that can't be read": {[]change{noIntercept, func(w *World) {
			w.Owned = Owned{}
			w.Service.Annotations = map[string]string{v1alpha1.AnnotationOriginal: "{"}
		}}, "FinishRestore", ""},
		"the Service is gone":                  {[]change{func(w *World) { w.Service = nil }}, dismantled, v1alpha1.StateRefused},
		"the Service is another one":           {[]change{noIntercept, func(w *World) { w.Service.UID = "svc-2" }}, ended, ""},
		"another Service, and a new Intercept": {[]change{func(w *World) { w.Service.UID, w.Link = "svc-2", LinkState{} }}, "CreateOrigin CreateAgent " + dismantled, v1alpha1.StatePreparing},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := interceptedWorld(t, c.changes...)
			p := plan(w)
			if got := kinds(p.Actions); got != c.want {
				t.Errorf("actions: %s\nwant:    %s", got, c.want)
			}
			var state v1alpha1.InterceptState
			for _, s := range p.Status {
				state = s.State
				t.Log(s.Message)
			}
			if state != c.state {
				t.Errorf("state %q, want %q", state, c.state)
			}
		})
	}
}

// remembered: nodes remember a reset of the agent's for so long.
func remembered(d time.Duration) change {
	return func(w *World) { w.Link.Observed.RememberedMillis = d.Milliseconds() }
}

// unheard is how an operator begins that finds an agent of a former one.
func unheard(w *World) { w.Link = LinkState{} }

// drained: for seconds, the agent has been draining.
func drained(seconds int, done bool) change {
	return func(w *World) {
		w.Memory.DrainSince = noon.Add(-time.Duration(seconds) * time.Second)
		w.Link.Desired = &control.Desired{Draining: true}
		w.Link.Observed.Drained = done
	}
}

func TestPlanAsksForAnotherLookWhenAGraceEnds(t *testing.T) {
	cases := map[string]struct {
		changes []change
		want    time.Duration
	}{
		"a short absence": {[]change{isSwitched, client0(func(c *control.ClientState) { c.Attached, c.AwayMillis = false, 100 })}, 400 * time.Millisecond},
		"the lease":       {[]change{away}, 59400 * time.Millisecond},
		"a lost channel": {[]change{isSwitched, func(w *World) {
			w.Link.Connected, w.Link.LostAt = false, noon.Add(-100*time.Millisecond)
			w.Memory.Clients = map[types.UID]ClientMemory{"in-one": {FirstSeen: noon.Add(-time.Minute)}}
		}}, 900 * time.Millisecond},
		"restored":   {[]change{isSwitched, noIntercept}, forgetDelay},
		"remembered": {[]change{noIntercept, drained(4, true), remembered(9 * time.Second)}, 9 * time.Second},
		"not heard":  {[]change{noIntercept, unheard}, heardLimit},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if p := plan(interceptedWorld(t, c.changes...)); p.Recheck != c.want {
				t.Fatalf("%s, want %s", p.Recheck, c.want)
			}
		})
	}
}

func TestPlanTellsTheAgentWhoMayAttach(t *testing.T) {
	p := plan(interceptedWorld(t))
	if p.Link == nil || p.Link.Address != "10.1.1.1:7071" || p.Link.Desired == nil {
		t.Fatalf("link %+v", p.Link)
	}
	d := *p.Link.Desired
	if len(d.Clients) != 1 || d.Clients[0].Key != "ed25519:engine" || !d.Clients[0].Inherit || d.Clients[0].LeaseMillis != 60_000 || d.Draining {
		t.Errorf("clients %+v", d)
	}
	want := control.Port{Name: "web", ServicePort: 80, TargetPort: 8080, Protocol: "TCP", Origin: "10.2.2.2:80"}
	if len(d.Ports) != 1 || d.Ports[0] != want {
		t.Errorf("ports %+v, want %+v", d.Ports, want)
	}
}

func TestADrainingAgentKeepsItsPortsAndClients(t *testing.T) {
	told := &control.Desired{Generation: 7, Ports: []control.Port{{TargetPort: 8080}}, Clients: []control.Client{{Intercept: "in-one"}}}
	for name, desired := range map[string]*control.Desired{"told before": told, "told by a former operator": nil} {
		t.Run(name, func(t *testing.T) {
			p := plan(interceptedWorld(t, isSwitched, noIntercept, func(w *World) { w.Link.Desired = desired }))
			d := p.Link.Desired
			if d == nil || !d.Draining || len(d.Ports) != 1 || len(d.Clients) != 1 && desired != nil {
				t.Fatalf("desired %+v", d)
			}
		})
	}
}

// What it is not told is what a former operator has told it.
func TestADrainingAgentIsNotToldWhatANewOperatorDoesNotKnow(t *testing.T) {
	p := plan(interceptedWorld(t, isSwitched, noIntercept, unheard, func(w *World) { w.Owned.Services = nil }))
	if d := p.Link.Desired; d == nil || !d.Draining || d.Ports != nil || d.Clients != nil {
		t.Fatalf("desired %+v", d)
	}
}

func TestRevertsAreCountedOncePerChange(t *testing.T) {
	w := interceptedWorld(t, isSwitched, selectorIs(map[string]string{"app": "cart"}))
	p := plan(w)
	w.Memory = p.Memory
	p = plan(w)
	if got := p.Memory.Clients["in-one"].Reverts; got != 1 {
		t.Fatalf("%d reverts", got)
	}
}

func TestPlanDoesNotTouchWhatItWasGiven(t *testing.T) {
	w := interceptedWorld(t, isSwitched, away)
	w.Memory.Clients = map[types.UID]ClientMemory{"in-gone": {}}
	before, service := maps.Clone(w.Memory.Clients), w.Service.DeepCopy()
	plan(w)
	if !maps.Equal(before, w.Memory.Clients) || !maps.Equal(service.Spec.Selector, w.Service.Spec.Selector) {
		t.Fatal("changed")
	}
}

func TestTheAgentsTroublesAreTold(t *testing.T) {
	waiting := func(reason, message string) change {
		return func(w *World) {
			p := &w.Owned.Pods[0]
			p.Status.Conditions = nil
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: twinContainer, Image: "cart:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
			w.Link = LinkState{}
		}
	}
	cases := map[string]struct {
		change change
		state  v1alpha1.InterceptState
		want   string
	}{
		"quota": {func(w *World) {
			w.Owned.Pods, w.Link = nil, LinkState{}
			w.Owned.Deployments[0].Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota: pods=1"}}
		}, v1alpha1.StateFailed, "the cluster refuses the agent's pod: exceeded quota: pods=1"},
		"no node": {func(w *World) {
			w.Owned.Pods[0].Status = corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available"}}}
			w.Link = LinkState{}
		}, v1alpha1.StatePreparing, "the agent's pod BASE-x can't be scheduled yet: 0/3 nodes are available"},
		"image":       {waiting("ImagePullBackOff", "back-off"), v1alpha1.StateFailed, "container twin of the agent's pod BASE-x (image cart:1): ImagePullBackOff: back-off"},
		"image, once": {waiting("ErrImagePull", "no such host"), v1alpha1.StatePreparing, "image cart:1 of the agent's pod BASE-x can't be pulled: no such host"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := interceptedWorld(t, c.change)
			want := c.want
			if s := plan(w).Status["in-one"]; s.State != c.state || s.Message != strings.ReplaceAll(want, "BASE", w.names().base) {
				t.Fatalf("%s: %s\nwant %s: %s", s.State, s.Message, c.state, strings.ReplaceAll(want, "BASE", w.names().base))
			}
		})
	}
}
