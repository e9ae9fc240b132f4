package cluster

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

func TestAReceiptTellsWhatWasChangedAndByWhom(t *testing.T) {
	service := func(uid, selector string, managers ...string) *corev1.Service {
		svc := &corev1.Service{}
		svc.UID, svc.Spec.Selector = types.UID(uid), map[string]string{"app": selector}
		for _, m := range managers {
			svc.ManagedFields = append(svc.ManagedFields, metav1.ManagedFieldsEntry{Manager: m})
		}
		return svc
	}
	before := service("1", "cart", "kubectl")
	for _, c := range []struct {
		name  string
		after *corev1.Service
		want  string
	}{
		{"nothing", service("1", "cart", "kubectl"), ""},
		{"the selector", service("1", "other", "kubectl", "helm"), "spec.selector was map[app:cart] and is map[app:other], changed by helm"},
		{"by two", service("1", "other", "argocd", "helm"), ", changed by argocd and helm"},
		{"by nobody known", service("1", "other", "kubectl"), "is map[app:other]"},
		{"another Service", service("2", "cart", "kubectl"), "the Service was deleted and made again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(Compare(before, c.after), "\n")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// What the workstation's own clock says has no part in it.
func TestLeaseLeftIsTheClustersWord(t *testing.T) {
	made := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name      string
		condition *metav1.Condition
		now       time.Time
		age, left int64
	}{
		{"attached", &metav1.Condition{Type: v1alpha1.ConditionAttached, Status: metav1.ConditionTrue}, made.Add(time.Hour), 3600, 60},
		{"away", &metav1.Condition{Type: v1alpha1.ConditionAttached, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAway, LastTransitionTime: metav1.NewTime(made.Add(100 * time.Second))}, made.Add(120 * time.Second), 120, 40},
		{"away for long", &metav1.Condition{Type: v1alpha1.ConditionAttached, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAway, LastTransitionTime: metav1.NewTime(made)}, made.Add(time.Hour), 3600, 0},
		{"not there yet", &metav1.Condition{Type: v1alpha1.ConditionAttached, Status: metav1.ConditionFalse, Reason: "NotYet"}, made.Add(time.Second), 1, 60},
		{"the cluster's time is not known", nil, time.Time{}, 0, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &v1alpha1.Intercept{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(made)}, Spec: v1alpha1.InterceptSpec{LeaseSeconds: 60}}
			if c.condition != nil {
				in.Status.Conditions = []metav1.Condition{*c.condition}
			}
			if info := interceptInfo(in, "ann", c.now); info.AgeSeconds != c.age || info.LeaseLeftSeconds != c.left {
				t.Errorf("got %+v", info)
			}
		})
	}
}
