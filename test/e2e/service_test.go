package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

var interceptResource = schema.GroupVersionResource{Group: "kubetunnel.dev", Version: "v1alpha1", Resource: "intercepts"}

// remember gives a check that a Service is as it was at the call.
func remember(ctx context.Context, t *testing.T, namespace, name string) (restored func()) {
	t.Helper()
	services := world.Kube.CoreV1().Services(namespace)
	before, err := services.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		var after *corev1.Service
		err := cluster.Wait(ctx, "the Service to be as it was", func() (bool, error) {
			now, err := services.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			after = now
			b := before.DeepCopy()
			b.ResourceVersion = after.ResourceVersion
			return apiequality.Semantic.DeepEqual(b, after), nil
		})
		if err != nil {
			b, _ := json.Marshal(before)
			a, _ := json.Marshal(after)
			t.Fatalf("%v:\nwas %s\n is %s", err, b, a)
		}
	}
}

// waitNothingLeft waits until a namespace holds nothing of the operator's.
func waitNothingLeft(ctx context.Context, t *testing.T, namespace string) {
	t.Helper()
	err := cluster.Wait(ctx, "the operator's objects to go", func() (bool, error) {
		left, err := world.Left(ctx, namespace)
		if err != nil {
			return false, err
		}
		return len(left) == 0, fmt.Errorf("%v are left", left)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func dynamicClient(t *testing.T) dynamic.Interface {
	t.Helper()
	d, err := dynamic.NewForConfig(world.Rest)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
