package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Remember gives a question whether a Service is as it was at the call, all but its
// resourceVersion: nil, or an error with the difference.
func (c *Cluster) Remember(ctx context.Context, namespace, name string) (same func(context.Context) error, err error) {
	before, err := c.Kube.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		after, err := c.Kube.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		b := before.DeepCopy()
		b.ResourceVersion = after.ResourceVersion
		if apiequality.Semantic.DeepEqual(b, after) {
			return nil
		}
		return different(before, after)
	}, nil
}

func different(before, after *corev1.Service) error {
	b, err := json.Marshal(before)
	if err != nil {
		return err
	}
	a, err := json.Marshal(after)
	if err != nil {
		return err
	}
	return fmt.Errorf("the Service %s/%s was %s\n and is %s", before.Namespace, before.Name, b, a)
}
