package cluster

import (
	"context"
	"fmt"
	"maps"
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

// shopFiles are put into whatever namespace is wanted, so the namespace's own is not among them.
var shopFiles = []string{"prices.yaml", "cart.yaml", "web.yaml", "loadgen.yaml"}

// languages are the shop's services in Python, TypeScript and Java, whose images are
// large: who needs them adds them to a shop that is open.
var languages = []string{"reviews", "recommendations", "stock"}

// Shop puts the example shop into a namespace, and waits until all of it is available.
func (c *Cluster) Shop(ctx context.Context, namespace string) error {
	if err := c.Namespace(ctx, namespace); err != nil {
		return err
	}
	if err := c.applyShop(ctx, namespace, shopFiles); err != nil {
		return err
	}
	// kube-proxy follows the pods by watch.
	return Wait(ctx, "the shop's Services", func() (bool, error) {
		_, err := c.Call(ctx, namespace, "http://web/ann", true)
		return err == nil, err
	})
}

// Languages adds the services in Python, TypeScript and Java to a namespace's shop, or those
// of them that are named, and gives the cluster their images.
func (c *Cluster) Languages(ctx context.Context, namespace string, say func(string), only ...string) error {
	more, err := readImages(filepath.Join(c.Root, "build", "shop"))
	if err != nil {
		return err
	}
	maps.Copy(c.images.refs, more.refs)
	if len(only) == 0 {
		only = languages
	}
	var files, tarballs []string
	for _, service := range only {
		files = append(files, service+".yaml")
		tarballs = append(tarballs, filepath.Join(c.Root, "build", "shop", service+".tar"))
	}
	if err := c.Load(ctx, say, tarballs...); err != nil {
		return err
	}
	return c.applyShop(ctx, namespace, files)
}

// applyShop applies files of the shop and waits until what is deployed is available.
func (c *Cluster) applyShop(ctx context.Context, namespace string, files []string) error {
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(c.Root, "examples", "shop", "k8s", file))
		if err != nil {
			return err
		}
		if err := c.Apply(ctx, namespace, string(content)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return c.WaitAvailable(ctx, namespace)
}

// WaitAvailable waits until all Deployments of a namespace are rolled out.
func (c *Cluster) WaitAvailable(ctx context.Context, namespace string) error {
	return Wait(ctx, "what is deployed in namespace "+namespace, func() (bool, error) { return c.available(ctx, namespace) })
}

// available tells whether all Deployments of a namespace are rolled out: no pod of an older state is left.
func (c *Cluster) available(ctx context.Context, namespace string) (bool, error) {
	list, err := c.Kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, err
	}
	for i := range list.Items {
		d := &list.Items[i]
		want := int32(1)
		if d.Spec.Replicas != nil {
			want = *d.Spec.Replicas
		}
		s := d.Status
		if s.ObservedGeneration < d.Generation || s.AvailableReplicas != want || s.UpdatedReplicas != want || s.Replicas != want {
			return false, fmt.Errorf("deployment %s is not available: %d of %d pods are", d.Name, s.AvailableReplicas, want)
		}
	}
	return len(list.Items) > 0, nil
}

// Apply applies YAML documents to a namespace, as `kubectl apply --server-side`
// does. Images of the project that are named ":dev" get the tags that were built.
func (c *Cluster) Apply(ctx context.Context, namespace, documents string) error {
	dyn, err := dynamic.NewForConfig(c.Rest)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.Kube.Discovery()))
	for _, document := range strings.Split(c.images.rewrite(documents+"\n"), "\n---\n") {
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
