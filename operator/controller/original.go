package controller

import (
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// Original is the value of v1alpha1.AnnotationOriginal: what a switched Service
// was, and for whom it was switched. Whoever may patch the Service can put it back by it.
type Original struct {
	// Selector is what is to be put back.
	Selector map[string]string `json:"selector"`
	// Agent is the selector that was put in its place.
	Agent map[string]string `json:"agent"`
	// Owners are the field managers to whom the selector belonged.
	Owners []Owner `json:"owners,omitempty"`
	// Intercept and UID name the Intercept, User and Host who it is.
	Intercept string    `json:"intercept"`
	UID       types.UID `json:"uid"`
	User      string    `json:"user,omitempty"`
	Host      string    `json:"host,omitempty"`
	// Restored: the selector is back already; what is left is this annotation and managedFields.
	Restored bool `json:"restored,omitempty"`
}

func (o *Original) encode() (string, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("encode annotation %s: %w", v1alpha1.AnnotationOriginal, err)
	}
	return string(data), nil
}

// redirection is how a Service stands to its agent.
type redirection int

const (
	// plain: as its users made it.
	plain redirection = iota
	// switched: its selector is the agent's.
	switched
	// halfway: we have put the selector back, and not yet the rest.
	halfway
	// reverted: we had switched it, and somebody else has changed the selector since.
	reverted
)

// readRedirection tells how a Service stands; original is nil when it is plain.
// fallback is the origin Service's selector, for an annotation that somebody removed or broke.
func readRedirection(svc *corev1.Service, n names, fallback map[string]string) (redirection, *Original) {
	original, annotated := readOriginal(svc)
	selector := svc.Spec.Selector
	ours := n.isAgentSelector(selector) || (original != nil && len(original.Agent) > 0 && maps.Equal(selector, original.Agent))
	switch {
	case original != nil && original.Restored && !ours:
		return halfway, original
	case ours:
		if original == nil || len(original.Selector) == 0 {
			original = &Original{Selector: fallback, Agent: selector}
		}
		return switched, original
	case original != nil:
		return reverted, original
	case annotated:
		// Not readable, and the selector is not ours: only the annotation is left to remove.
		return halfway, &Original{Selector: selector, Restored: true}
	}
	return plain, nil
}

func readOriginal(svc *corev1.Service) (original *Original, annotated bool) {
	text, annotated := svc.Annotations[v1alpha1.AnnotationOriginal]
	if !annotated {
		return nil, false
	}
	original = &Original{}
	if err := json.Unmarshal([]byte(text), original); err != nil {
		return nil, true
	}
	return original, true
}
