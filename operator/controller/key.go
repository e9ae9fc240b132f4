package controller

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// KeySecret holds the operator's key, so that agents made under a former operator know
// the present one. It is installed without the key.
const (
	KeySecret  = v1alpha1.OperatorName + "-key"
	keyContent = "key.pem"
)

// LoadKey reads the operator's key, or makes one.
func LoadKey(ctx context.Context, config *rest.Config, namespace string) (tunnel.PrivateKey, error) {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return tunnel.PrivateKey{}, fmt.Errorf("make client: %w", err)
	}
	content, err := keyIn(ctx, clients.CoreV1().Secrets(namespace))
	if err != nil {
		return tunnel.PrivateKey{}, fmt.Errorf("operator's key in Secret %s/%s: %w", namespace, KeySecret, err)
	}
	key, err := tunnel.ParsePrivateKey(content)
	if err != nil {
		return tunnel.PrivateKey{}, fmt.Errorf("operator's key in Secret %s/%s: %w", namespace, KeySecret, err)
	}
	return key, nil
}

// keyIn gives the Secret's key; the first operator makes it. Of several at once one is
// first, and its key is as good for the others.
func keyIn(ctx context.Context, secrets typedcorev1.SecretInterface) ([]byte, error) {
	for {
		secret, err := secrets.Get(ctx, KeySecret, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		if content := secret.Data[keyContent]; len(content) > 0 {
			return content, nil
		}
		fresh, err := tunnel.GenerateKey()
		if err != nil {
			return nil, err
		}
		secret.Data = map[string][]byte{keyContent: fresh.Marshal()}
		secret, err = secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: v1alpha1.ManagedBy})
		switch {
		case err == nil:
			return secret.Data[keyContent], nil
		case !apierrors.IsConflict(err):
			return nil, err
		}
	}
}
