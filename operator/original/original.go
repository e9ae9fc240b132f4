// Package original is what a switched Service was: the annotation that says so, and the
// patches by which a Service is switched and put back. The operator does both, and
// whoever may patch the Service can do the latter without it.
//
// It imports operator/api alone.
package original

import (
	"encoding/json"
	"fmt"

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

// Encode gives the annotation's value.
func (o *Original) Encode() (string, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("encode annotation %s: %w", v1alpha1.AnnotationOriginal, err)
	}
	return string(data), nil
}

// Read gives a Service's annotation; nil when there is none, or none that can be read.
func Read(svc *corev1.Service) (original *Original, annotated bool) {
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
