package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// KeySecret holds the operator's key, so that agents made under a former operator know the present one.
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
	secrets := clients.CoreV1().Secrets(namespace)
	secret, err := secrets.Get(ctx, KeySecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		fresh, keyErr := tunnel.GenerateKey()
		if keyErr != nil {
			return tunnel.PrivateKey{}, keyErr
		}
		made := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: KeySecret, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "kubetunnel"}},
			Type:       corev1.SecretTypeOpaque,
			Data:       map[string][]byte{keyContent: fresh.Marshal()},
		}
		if secret, err = secrets.Create(ctx, made, metav1.CreateOptions{FieldManager: v1alpha1.ManagedBy}); apierrors.IsAlreadyExists(err) {
			// Another operator was quicker; its key is as good.
			secret, err = secrets.Get(ctx, KeySecret, metav1.GetOptions{})
		}
	}
	if err != nil {
		return tunnel.PrivateKey{}, fmt.Errorf("operator's key in Secret %s/%s: %w", namespace, KeySecret, err)
	}
	key, err := tunnel.ParsePrivateKey(secret.Data[keyContent])
	if err != nil {
		return tunnel.PrivateKey{}, fmt.Errorf("operator's key in Secret %s/%s: %w", namespace, KeySecret, err)
	}
	return key, nil
}
