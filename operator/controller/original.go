package controller

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubetunnel/kubetunnel/operator/original"
)

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

// readRedirection tells how a Service stands; was is nil when it is plain.
// fallback is the origin Service's selector, for an annotation that somebody removed or broke.
func readRedirection(svc *corev1.Service, n names, fallback map[string]string) (redirection, *original.Original) {
	was, annotated := original.Read(svc)
	selector := svc.Spec.Selector
	ours := n.isAgentSelector(selector) || (was != nil && len(was.Agent) > 0 && maps.Equal(selector, was.Agent))
	switch {
	case was != nil && was.Restored && !ours:
		return halfway, was
	case ours:
		if was == nil || len(was.Selector) == 0 {
			was = &original.Original{Selector: fallback, Agent: selector}
		}
		return switched, was
	case was != nil:
		return reverted, was
	case annotated:
		// Not readable, and the selector is not ours: only the annotation is left to remove.
		return halfway, &original.Original{Selector: selector, Restored: true}
	}
	return plain, nil
}
