package cluster

import (
	"context"

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
			left = append(left, resource.Resource+"/"+list.Items[i].Name)
		}
	}
	return left, nil
}
