package cluster

import (
	"context"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AtWorkstation tells whether a program that names itself by its host name runs on
// the workstation: there it has the agent pod's name, or in mode loopback the
// workstation's own.
func (c *Cluster) AtWorkstation(ctx context.Context, namespace, servedBy string) (bool, error) {
	if own, err := os.Hostname(); err != nil || own == servedBy {
		return err == nil, err
	}
	pods, err := c.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"})
	if err != nil {
		return false, err
	}
	for i := range pods.Items {
		if pods.Items[i].Name == servedBy {
			return true, nil
		}
	}
	return false, nil
}
