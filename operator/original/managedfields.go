package original

import (
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// Owner is a field manager to whom a Service's selector belonged. Our switch takes
// it from all of them (an Update that changes a value does), so each gets it back.
type Owner struct {
	Manager    string                            `json:"manager"`
	Operation  metav1.ManagedFieldsOperationType `json:"operation"`
	APIVersion string                            `json:"apiVersion"`
	Time       *metav1.Time                      `json:"time,omitempty"`
	// Fields is what stood under f:spec, f:selector.
	Fields json.RawMessage `json:"fields"`
}

// fieldTree is one level of FieldsV1.
type fieldTree map[string]json.RawMessage

// selectorOwners finds to whom the selector belongs, but for ourselves.
func selectorOwners(fields []metav1.ManagedFieldsEntry) ([]Owner, error) {
	var owners []Owner
	for _, e := range fields {
		if e.Manager == v1alpha1.ManagedBy || e.Subresource != "" {
			continue
		}
		_, spec, err := parseFields(e.FieldsV1)
		if err != nil {
			return nil, err
		}
		if f, owned := spec["f:selector"]; owned {
			owners = append(owners, Owner{Manager: e.Manager, Operation: e.Operation, APIVersion: e.APIVersion, Time: e.Time, Fields: f})
		}
	}
	return owners, nil
}

// giveBack is managedFields without our entry and with the selector belonging to
// its former owners again, unless somebody else has taken it meanwhile.
func giveBack(fields []metav1.ManagedFieldsEntry, owners []Owner) ([]metav1.ManagedFieldsEntry, error) {
	out := slices.DeleteFunc(slices.Clone(fields), func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == v1alpha1.ManagedBy && e.Subresource == ""
	})
	taken, err := selectorOwners(out)
	if err != nil || len(taken) > 0 {
		return out, err
	}
	for _, o := range owners {
		if out, err = giveTo(out, o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func giveTo(fields []metav1.ManagedFieldsEntry, o Owner) ([]metav1.ManagedFieldsEntry, error) {
	for i, e := range fields {
		if e.Manager == o.Manager && e.Operation == o.Operation && e.APIVersion == o.APIVersion && e.Subresource == "" {
			f, err := withSelector(e.FieldsV1, o.Fields)
			if err != nil {
				return nil, err
			}
			fields[i].FieldsV1 = f
			return fields, nil
		}
	}
	// The selector was all that it owned, so the server has dropped its entry.
	f, err := withSelector(nil, o.Fields)
	if err != nil {
		return nil, err
	}
	return append(fields, metav1.ManagedFieldsEntry{
		Manager: o.Manager, Operation: o.Operation, APIVersion: o.APIVersion, Time: o.Time, FieldsType: "FieldsV1", FieldsV1: f,
	}), nil
}

func parseFields(f *metav1.FieldsV1) (root, spec fieldTree, err error) {
	root, spec = fieldTree{}, fieldTree{}
	if f == nil || len(f.Raw) == 0 {
		return root, spec, nil
	}
	if err := json.Unmarshal(f.Raw, &root); err != nil {
		return nil, nil, fmt.Errorf("read managedFields: %w", err)
	}
	if raw, ok := root["f:spec"]; ok {
		if err := json.Unmarshal(raw, &spec); err != nil {
			return nil, nil, fmt.Errorf("read managedFields: %w", err)
		}
	}
	return root, spec, nil
}

func withSelector(f *metav1.FieldsV1, selector json.RawMessage) (*metav1.FieldsV1, error) {
	root, spec, err := parseFields(f)
	if err != nil {
		return nil, err
	}
	spec["f:selector"] = selector
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("write managedFields: %w", err)
	}
	root["f:spec"] = raw
	all, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("write managedFields: %w", err)
	}
	return &metav1.FieldsV1{Raw: all}, nil
}
