package controller

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// Annotations on the operator's own objects.
const (
	annotationPrefix      = v1alpha1.GroupName + "/"
	annotationSpecHash    = annotationPrefix + "spec-hash"
	annotationAgentKey    = annotationPrefix + "agent-key"
	annotationControlPort = annotationPrefix + "control-port"
	annotationTunnelPort  = annotationPrefix + "tunnel-port"
	annotationUpgradePort = annotationPrefix + "upgrade-port"
	annotationNotes       = annotationPrefix + "notes"
	labelIntercept        = annotationPrefix + "intercept-uid"
)

// names are what the objects made for one Service are called. They come from its
// UID, so that a Service made anew gets objects of its own.
type names struct {
	uid    types.UID
	target string
	base   string
}

func namesFor(uid types.UID, target string) names {
	return names{uid: uid, target: target, base: "kt-" + shortHash(string(uid))}
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:5])
}

func (n names) agent() string  { return n.base }
func (n names) origin() string { return n.base + "-origin" }

// binding is a RoleBinding's name: one for each Intercept.
func (n names) binding(intercept types.UID) string {
	return n.base + "-" + shortHash(string(intercept))
}

// agentSelector has the keys of selector with values that only the agent has.
func (n names) agentSelector(selector map[string]string) map[string]string {
	out := make(map[string]string, len(selector))
	for key := range selector {
		out[key] = n.base
	}
	return out
}

// isAgentSelector tells whether a selector is one that agentSelector made.
func (n names) isAgentSelector(selector map[string]string) bool {
	for _, value := range selector {
		if value != n.base {
			return false
		}
	}
	return len(selector) > 0
}

// labels are on each object made for the Service.
func (n names) labels() map[string]string {
	return map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelTarget: string(n.uid)}
}

// podLabels are the agent pod's: with the selector's keys, even where these are
// our own, since the Service must find it.
func (n names) podLabels(selector map[string]string) map[string]string {
	out := n.labels()
	maps.Copy(out, n.agentSelector(selector))
	return out
}

func (n names) meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: n.labels(),
		Annotations: map[string]string{v1alpha1.AnnotationTarget: n.target},
	}
}
