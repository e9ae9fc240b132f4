package cluster

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
)

// operatorMakes are the kinds of object that the operator makes beside an app.
var operatorMakes = []schema.GroupVersionResource{
	{Version: "v1", Resource: "pods"},
	{Version: "v1", Resource: "services"},
	{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
	{Version: "v1", Resource: "secrets"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
}

// Left names the operator's objects in a namespace.
func (c *Cluster) Left(ctx context.Context, namespace string) (left []string, err error) {
	client, err := metadata.NewForConfig(c.Rest)
	if err != nil {
		return nil, err
	}
	for _, resource := range operatorMakes {
		list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"})
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			one := resource.Resource + "/" + list.Items[i].Name
			if resource.Resource == "pods" {
				one += c.stateOf(ctx, namespace, list.Items[i].Name)
			}
			left = append(left, one)
		}
	}
	return left, nil
}

// stateOf tells what keeps a pod, as far as its status does.
func (c *Cluster) stateOf(ctx context.Context, namespace, name string) string {
	pod, err := c.Kube.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	state := string(pod.Status.Phase)
	if at := pod.DeletionTimestamp; at != nil {
		state += fmt.Sprintf(", to be gone at %s by now at %s", at.UTC().Format(time.TimeOnly), time.Now().UTC().Format(time.TimeOnly))
	}
	for _, s := range pod.Status.ContainerStatuses {
		switch {
		case s.State.Waiting != nil:
			state += fmt.Sprintf(", %s waits: %s %s", s.Name, s.State.Waiting.Reason, s.State.Waiting.Message)
		case s.State.Terminated != nil:
			state += fmt.Sprintf(", %s has ended with %d", s.Name, s.State.Terminated.ExitCode)
		default:
			state += fmt.Sprintf(", %s runs", s.Name)
		}
	}
	return " (" + state + ")"
}
