package controller

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// World is all that plan knows: what gather has seen of one Service.
type World struct {
	// Now is the only clock of plan.
	Now time.Time
	// Key names the Service.
	Key types.NamespacedName
	// Service as the API server has it now, nil when there is none.
	Service *corev1.Service
	// Intercepts of the Service.
	Intercepts []v1alpha1.Intercept
	// App is what is behind the Service; nil when nobody asked, see needsApp.
	App *App
	// Networks are the cluster's ranges of addresses.
	Networks []string
	// Owned are our own objects for a Service of this name.
	Owned Owned
	// OriginReady: the origin Service has an endpoint that takes calls.
	OriginReady bool
	// OriginSlices are the EndpointSlices of the origin Service.
	OriginSlices []discoveryv1.EndpointSlice
	// Link is the control channel.
	Link LinkState
	// Memory is what the operator remembers of the Service.
	Memory Memory
	// Settings are the admin's.
	Settings Settings
}

// Owned are our objects for a Service, found by label, also those left over from
// a former Service of the same name.
type Owned struct {
	Deployments []appsv1.Deployment
	Services    []corev1.Service
	Roles       []rbacv1.Role
	Bindings    []rbacv1.RoleBinding
	Pods        []corev1.Pod
	// Slices let the app's own pods stand by.
	Slices []discoveryv1.EndpointSlice
}

// App is what runs behind a Service.
type App struct {
	// Selector is the one by which it was found.
	Selector map[string]string
	// ReadyPods counts the pods that take calls.
	ReadyPods int
	// Template is the pod template of the workload behind one of these pods.
	Template *corev1.PodTemplateSpec
	// Token: the app's container has the service account's token.
	Token bool
	// SharedClaims are the PersistentVolumeClaims that several nodes can mount.
	SharedClaims map[string]bool
	// Limits are what the namespace's LimitRanges ask of each container, and of each pod.
	Limits []corev1.LimitRangeItem
	// Governed is the StatefulSet whose governing Service this is.
	Governed string
}

// LinkState is what is known of the control channel.
type LinkState struct {
	control.State
	// Pod is the UID of the pod it goes to, "" when there is no channel.
	Pod types.UID
	// Desired is what the agent was told last.
	Desired *control.Desired
}

// Memory is what can't be read from the cluster. Losing it costs time, never truth.
type Memory struct {
	// Switched: we have switched the Service and not put it back.
	Switched bool
	// RestoredAt is when the selector last went back.
	RestoredAt time.Time
	// RevertSeen is the resourceVersion at which a change by somebody else was counted.
	RevertSeen string
	// DrainSince is when the agent was first told to drain.
	DrainSince time.Time
	// Clients by the Intercept's UID.
	Clients map[types.UID]ClientMemory
}

// ClientMemory is what is remembered of one Intercept.
type ClientMemory struct {
	FirstSeen    time.Time
	LastAttached time.Time
	Reverts      int32
	// About, Since and Counters are for the notice of its end. Since is the object's own age.
	About    About
	Since    time.Time
	Counters control.Counters
	// Ended is when it was first seen to be gone; its end is told a little later.
	Ended time.Time
	// Begun: its begin was told, or needs not be. Trouble is the one that was told last.
	Begun   bool
	Trouble v1alpha1.InterceptState
}

// Settings are the admin's choices.
type Settings struct {
	// Image of the agent.
	Image string
	// PullPolicy of that image.
	PullPolicy corev1.PullPolicy
	// Inherit is what twins may have.
	Inherit Inherit
	// Standby: the app's own pods stand by at switched Services, see standbySlice.
	Standby bool
	// OperatorKey is our public key as text.
	OperatorKey string
}

// live are the Intercepts that nobody has deleted.
func (w *World) live() []v1alpha1.Intercept {
	var out []v1alpha1.Intercept
	for _, in := range w.Intercepts {
		if in.DeletionTimestamp.IsZero() {
			out = append(out, in)
		}
	}
	return out
}

// needsApp: to judge an Intercept or to make an agent, one must know the app.
// Once an agent serves, nobody needs to look at the app any more.
func (w *World) needsApp() bool {
	live := w.live()
	if w.Service == nil || len(live) == 0 {
		return false
	}
	if w.agentDeployment() == nil {
		return true
	}
	for _, in := range live {
		if in.Status.Agent == nil {
			return true
		}
	}
	return false
}

func (w *World) names() names {
	if w.Service == nil {
		return namesFor("", w.Key.Name)
	}
	return namesFor(w.Service.UID, w.Key.Name)
}

// agentDeployment is the present Service's, nil when there is none.
func (w *World) agentDeployment() *appsv1.Deployment {
	n := w.names()
	for i, d := range w.Owned.Deployments {
		if w.Service != nil && d.Name == n.agent() && d.DeletionTimestamp.IsZero() {
			return &w.Owned.Deployments[i]
		}
	}
	return nil
}

// originService is the present Service's, nil when there is none.
func (w *World) originService() *corev1.Service {
	n := w.names()
	for i, s := range w.Owned.Services {
		if w.Service != nil && s.Name == n.origin() && s.DeletionTimestamp.IsZero() {
			return &w.Owned.Services[i]
		}
	}
	return nil
}

// agentPod is the newest pod of the agent that is not on its way out.
func (w *World) agentPod() *corev1.Pod {
	var newest *corev1.Pod
	for i := range w.Owned.Pods {
		p := &w.Owned.Pods[i]
		if w.Service == nil || p.Labels[v1alpha1.LabelTarget] != string(w.Service.UID) || !p.DeletionTimestamp.IsZero() ||
			p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&p.CreationTimestamp) {
			newest = p
		}
	}
	return newest
}
