package cluster

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

var interceptResource = schema.GroupVersionResource{Group: v1alpha1.GroupName, Version: "v1alpha1", Resource: "intercepts"}

func (c *Client) intercepts(namespace string) dynamic.ResourceInterface {
	return c.dynamic.Resource(interceptResource).Namespace(namespace)
}

// listIntercepts lists a namespace's Intercepts, and tells the list's version.
func (c *Client) listIntercepts(ctx context.Context, namespace string) (intercepts []v1alpha1.Intercept, version string, err error) {
	list, err := c.intercepts(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, "", err
	}
	out := make([]v1alpha1.Intercept, 0, len(list.Items))
	for i := range list.Items {
		one, err := toIntercept(&list.Items[i])
		if err != nil {
			return nil, "", err
		}
		out = append(out, *one)
	}
	return out, list.GetResourceVersion(), nil
}

// EndIntercept deletes an Intercept, which puts its Service back. One that is gone, or
// that is another one of the same name by now, is none.
func (c *Client) EndIntercept(ctx context.Context, namespace, name, uid string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(uid)}
	err := c.intercepts(namespace).Delete(ctx, name, options)
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return c.explain(err, access{verb: "delete", group: v1alpha1.GroupName, resource: "intercepts", namespace: namespace, name: name})
}

// EndInterceptOf ends the intercept on a Service, if there is one. Whose may be ended, the cluster decides.
func (c *Client) EndInterceptOf(ctx context.Context, namespace, service string) error {
	if namespace == "" {
		namespace = c.namespace
	}
	intercepts, _, err := c.listIntercepts(ctx, namespace)
	if err != nil {
		return c.explain(err, access{verb: "list", group: v1alpha1.GroupName, resource: "intercepts", namespace: namespace})
	}
	in := liveIntercept(intercepts, service)
	if in == nil {
		return nil
	}
	return c.EndIntercept(ctx, namespace, in.Name, string(in.UID))
}

func toIntercept(u *unstructured.Unstructured) (*v1alpha1.Intercept, error) {
	var out v1alpha1.Intercept
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &out); err != nil {
		return nil, fmt.Errorf("read Intercept %s/%s: %w", u.GetNamespace(), u.GetName(), err)
	}
	return &out, nil
}

func fromIntercept(in *v1alpha1.Intercept) (*unstructured.Unstructured, error) {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(in)
	if err != nil {
		return nil, fmt.Errorf("write Intercept: %w", err)
	}
	delete(object, "status")
	u := &unstructured.Unstructured{Object: object}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: v1alpha1.GroupName, Version: "v1alpha1", Kind: "Intercept"})
	return u, nil
}
