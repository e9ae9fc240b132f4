package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// WaitRestored waits until the Service carries no trace of the intercept, and
// tells how it differs from what it was before: nothing, if nobody else changed it.
func (h *Handle) WaitRestored(ctx context.Context) (differences []string, err error) {
	if h.before == nil {
		return nil, nil
	}
	backoff := newBackoff()
	for {
		after, err := h.client.kube.CoreV1().Services(h.namespace).Get(ctx, h.before.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return []string{fmt.Sprintf("Service %s/%s was deleted meanwhile", h.namespace, h.before.Name)}, nil
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return nil, h.client.explain(err, access{verb: "get", resource: "services", namespace: h.namespace, name: h.before.Name})
		case err == nil && restored(after):
			return Compare(h.before, after), nil
		}
		backoff.wait(ctx)
		if ctx.Err() != nil {
			return nil, protocol.Errorf(protocol.CodeRestorePending, "Service %s/%s is not back yet: the operator has not switched it (%w)", h.namespace, h.before.Name, ctx.Err()).
				On("Service", h.namespace, h.before.Name).
				WithFix(protocol.Fix{Title: "Is the operator running? It puts the Service back as soon as it is", Command: "tunnel-server status"})
		}
	}
}

// restored: neither our annotation nor our entry in managedFields is there.
func restored(svc *corev1.Service) bool {
	if _, switched := svc.Annotations[v1alpha1.AnnotationOriginal]; switched {
		return false
	}
	for _, f := range svc.ManagedFields {
		if f.Manager == v1alpha1.ManagedBy {
			return false
		}
	}
	return true
}

// Compare tells in sentences how a Service differs from what it was, but for
// what the API server counts up by itself (resourceVersion).
func Compare(before, after *corev1.Service) []string {
	var differences []string
	by := changedBy(before, after)
	note := func(what string, a, b any) {
		if !apiequality.Semantic.DeepEqual(a, b) {
			differences = append(differences, fmt.Sprintf("%s was %v and is %v%s", what, a, b, by))
		}
	}
	if before.UID != after.UID {
		return []string{"the Service was deleted and made again"}
	}
	note("spec.selector", before.Spec.Selector, after.Spec.Selector)
	note("labels", before.Labels, after.Labels)
	note("annotations", before.Annotations, after.Annotations)
	b, a := before.DeepCopy(), after.DeepCopy()
	b.Spec.Selector, a.Spec.Selector = nil, nil
	note("spec", b.Spec, a.Spec)
	note("managedFields", before.ManagedFields, after.ManagedFields)
	note("ownerReferences", before.OwnerReferences, after.OwnerReferences)
	note("finalizers", before.Finalizers, after.Finalizers)
	return differences
}

// changedBy names the field managers that have written to the Service since: those
// whose entry in managedFields is new, or another one.
func changedBy(before, after *corev1.Service) string {
	var managers []string
	for _, now := range after.ManagedFields {
		known := slices.ContainsFunc(before.ManagedFields, func(was metav1.ManagedFieldsEntry) bool {
			return apiequality.Semantic.DeepEqual(was, now)
		})
		if !known && !slices.Contains(managers, now.Manager) {
			managers = append(managers, now.Manager)
		}
	}
	if len(managers) == 0 {
		return ""
	}
	return ", changed by " + strings.Join(managers, " and ")
}
