package e2e

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

var interceptResource = schema.GroupVersionResource{Group: "kubetunnel.dev", Version: "v1alpha1", Resource: "intercepts"}

// remember gives a check that a Service is as it was at the call.
func remember(ctx context.Context, t *testing.T, namespace, name string) (restored func()) {
	t.Helper()
	same, err := world.Remember(ctx, namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		err := cluster.Wait(ctx, "the Service to be as it was", func() (bool, error) {
			err := same(ctx)
			return err == nil, err
		})
		if err != nil {
			t.Fatal(err)
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
