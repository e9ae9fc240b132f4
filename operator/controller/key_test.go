package controller

import (
	"bytes"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

func TestTheFirstOperatorMakesTheKeyAndAllHaveIt(t *testing.T) {
	clients := fake.NewClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "home", Name: KeySecret}})
	// The real API server refuses who has not seen the last change; the fake one does not.
	var mu sync.Mutex
	taken := false
	clients.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		if taken {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, KeySecret, nil)
		}
		taken = true
		return false, nil, nil
	})
	var keys [4][]byte
	var group sync.WaitGroup
	for i := range keys {
		group.Go(func() {
			var err error
			if keys[i], err = keyIn(t.Context(), clients.CoreV1().Secrets("home")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, key := range keys {
		if _, err := tunnel.ParsePrivateKey(key); err != nil || !bytes.Equal(key, keys[0]) {
			t.Errorf("keys differ, %v", err)
		}
	}
	if _, err := keyIn(t.Context(), clients.CoreV1().Secrets("elsewhere")); !apierrors.IsNotFound(err) {
		t.Errorf("without the Secret: %v", err)
	}
}
