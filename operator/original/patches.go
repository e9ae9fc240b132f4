package original

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// operation is one step of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func (o operation) MarshalJSON() ([]byte, error) {
	m := map[string]any{"op": o.Op, "path": o.Path}
	if o.Op != "remove" {
		m["value"] = o.Value
	}
	return json.Marshal(m)
}

// annotationPath escapes the key as RFC 6901 wants it.
var annotationPath = "/metadata/annotations/" + strings.ReplaceAll(v1alpha1.AnnotationOriginal, "/", "~1")

const versionPath = "/metadata/resourceVersion"

// SwitchPatch puts the agent's selector and the annotation on the Service that was
// looked at, and on no later one: its managedFields are part of what is remembered.
func SwitchPatch(svc *corev1.Service, o Original) ([]byte, error) {
	owners, err := selectorOwners(svc.ManagedFields)
	if err != nil {
		return nil, err
	}
	o.Owners = owners
	annotate, err := annotateOperation(svc, o)
	if err != nil {
		return nil, err
	}
	return encodePatch(
		operation{"test", versionPath, svc.ResourceVersion},
		operation{"test", "/spec/selector", o.Selector},
		operation{"replace", "/spec/selector", o.Agent},
		annotate,
	)
}

// BackPatch puts the selector back, whatever else has happened to the Service, and
// notes in the annotation that this much is done.
func BackPatch(svc *corev1.Service, o Original) ([]byte, error) {
	o.Restored = true
	annotate, err := annotateOperation(svc, o)
	if err != nil {
		return nil, err
	}
	return encodePatch(
		operation{"test", "/spec/selector", svc.Spec.Selector},
		operation{"replace", "/spec/selector", o.Selector},
		annotate,
	)
}

// FinishPatch removes the annotation and puts managedFields back. It can't be one
// patch with the selector: what a patch changes belongs to the patcher after it.
func FinishPatch(svc *corev1.Service, o Original) ([]byte, error) {
	fields, err := giveBack(svc.ManagedFields, o.Owners)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		// An empty list means "as they were" to the API server; one empty entry means none.
		fields = []metav1.ManagedFieldsEntry{{}}
	}
	ops := []operation{{"test", versionPath, svc.ResourceVersion}}
	if _, annotated := svc.Annotations[v1alpha1.AnnotationOriginal]; annotated {
		path := annotationPath
		if len(svc.Annotations) == 1 {
			path = "/metadata/annotations"
		}
		ops = append(ops, operation{Op: "remove", Path: path})
	}
	return encodePatch(append(ops, operation{"replace", "/metadata/managedFields", fields})...)
}

func annotateOperation(svc *corev1.Service, o Original) (operation, error) {
	text, err := o.Encode()
	if err != nil {
		return operation{}, err
	}
	if len(svc.Annotations) == 0 {
		return operation{"add", "/metadata/annotations", map[string]string{v1alpha1.AnnotationOriginal: text}}, nil
	}
	return operation{"add", annotationPath, text}, nil
}

func encodePatch(ops ...operation) ([]byte, error) {
	data, err := json.Marshal(ops)
	if err != nil {
		return nil, fmt.Errorf("encode patch: %w", err)
	}
	return data, nil
}
