package original

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

func entry(manager string, op metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
	at := metav1.NewTime(time.Unix(1000, 0))
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: op, APIVersion: "v1", Time: &at, FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(fields)}}
}

const (
	update = metav1.ManagedFieldsOperationUpdate
	apply  = metav1.ManagedFieldsOperationApply
)

func TestTheSelectorGoesBackToItsOwners(t *testing.T) {
	ours := entry(v1alpha1.ManagedBy, update, `{"f:spec":{"f:selector":{}}}`)
	cases := map[string]struct {
		before, during []metav1.ManagedFieldsEntry
		want           map[string]string
	}{
		"one that owns more": {
			[]metav1.ManagedFieldsEntry{entry("kubectl", apply, `{"f:spec":{"f:ports":{},"f:selector":{}}}`)},
			[]metav1.ManagedFieldsEntry{entry("kubectl", apply, `{"f:spec":{"f:ports":{}}}`), ours},
			map[string]string{"kubectl": `{"f:spec":{"f:ports":{},"f:selector":{}}}`},
		},
		"one that owns nothing else": {
			[]metav1.ManagedFieldsEntry{entry("patcher", update, `{"f:spec":{"f:selector":{}}}`)},
			[]metav1.ManagedFieldsEntry{ours},
			map[string]string{"patcher": `{"f:spec":{"f:selector":{}}}`},
		},
		"several": {
			[]metav1.ManagedFieldsEntry{entry("a", apply, `{"f:spec":{"f:selector":{}}}`), entry("b", update, `{"f:metadata":{},"f:spec":{"f:selector":{}}}`)},
			[]metav1.ManagedFieldsEntry{entry("b", update, `{"f:metadata":{}}`), ours},
			map[string]string{"a": `{"f:spec":{"f:selector":{}}}`, "b": `{"f:metadata":{},"f:spec":{"f:selector":{}}}`},
		},
		"somebody has taken it meanwhile": {
			[]metav1.ManagedFieldsEntry{entry("a", apply, `{"f:spec":{"f:selector":{}}}`)},
			[]metav1.ManagedFieldsEntry{entry("argocd", apply, `{"f:spec":{"f:selector":{}}}`), ours},
			map[string]string{"argocd": `{"f:spec":{"f:selector":{}}}`},
		},
		"nobody's": {nil, []metav1.ManagedFieldsEntry{ours}, map[string]string{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			owners, err := selectorOwners(c.before)
			if err != nil {
				t.Fatal(err)
			}
			got, err := giveBack(c.during, owners)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("%+v", got)
			}
			for _, e := range got {
				if string(e.FieldsV1.Raw) != c.want[e.Manager] {
					t.Errorf("%s has %s, want %s", e.Manager, e.FieldsV1.Raw, c.want[e.Manager])
				}
				if !e.Time.Equal(c.during[0].Time) {
					t.Errorf("%s has another time", e.Manager)
				}
			}
		})
	}
}

func TestManagedFieldsThatCantBeReadAreAnError(t *testing.T) {
	if _, err := selectorOwners([]metav1.ManagedFieldsEntry{entry("x", update, `{"f:spec":7}`)}); err == nil {
		t.Fatal("no error")
	}
}
