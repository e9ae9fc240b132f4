package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

// Shop puts the example shop into a namespace and waits until all of it is available.
func (c *Cluster) Shop(ctx context.Context, namespace string) error {
	if err := c.Namespace(ctx, namespace); err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(c.Root, "examples", "shop", "k8s", "shop.yaml"))
	if err != nil {
		return err
	}
	if err := c.Apply(ctx, namespace, string(content)); err != nil {
		return err
	}
	if err := Wait(ctx, "the shop in namespace "+namespace, func() (bool, error) { return c.available(ctx, namespace) }); err != nil {
		return err
	}
	// kube-proxy follows the pods by watch.
	return Wait(ctx, "the shop's Services", func() (bool, error) {
		_, err := c.Call(ctx, namespace, "http://web/ann", true)
		return err == nil, err
	})
}

func (c *Cluster) available(ctx context.Context, namespace string) (bool, error) {
	list, err := c.Kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, err
	}
	for i := range list.Items {
		if d := &list.Items[i]; d.Status.AvailableReplicas == 0 || d.Status.ObservedGeneration < d.Generation {
			return false, fmt.Errorf("deployment %s is not available", d.Name)
		}
	}
	return len(list.Items) > 0, nil
}

// Apply applies YAML documents to a namespace, as `kubectl apply --server-side` does.
func (c *Cluster) Apply(ctx context.Context, namespace, documents string) error {
	dyn, err := dynamic.NewForConfig(c.Rest)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.Kube.Discovery()))
	for _, document := range strings.Split(documents, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			return err
		}
		gvk := object.GroupVersionKind()
		mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			return err
		}
		object.SetNamespace(namespace)
		if _, err := dyn.Resource(mapping.Resource).Namespace(namespace).Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "kubectl", Force: true}); err != nil {
			return fmt.Errorf("%s %s: %w", gvk.Kind, object.GetName(), err)
		}
	}
	return nil
}
