package cluster

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/manifests"
	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/protocol"
)

const (
	installTimeout = 3 * time.Minute
	fieldManager   = "tunnel-server-install"
)

// Install applies the operator's objects, and waits until it is ready. It is
// also the upgrade: server-side apply makes the difference.
func (c *Client) Install(ctx context.Context, opts manifests.Options, progress func(string)) (*protocol.OperatorStatusResult, error) {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	if opts.Version == "" {
		opts.Version = version.Version
	}
	objects, err := manifests.Objects(opts)
	if err != nil {
		return nil, fmt.Errorf("the operator's objects: %w", err)
	}
	for i := range objects {
		progress(fmt.Sprintf("%s %s", objects[i].GetKind(), objects[i].GetName()))
		if err := c.applyObject(ctx, &objects[i]); err != nil {
			return nil, err
		}
	}
	progress("waiting for the operator")
	return c.waitOperator(ctx)
}

// applyObject applies one object; a type whose CRD was applied a moment ago may
// not be served yet, and a namespace of a former installation may still be on its
// way out, so it tries again until ctx ends.
func (c *Client) applyObject(ctx context.Context, object *unstructured.Unstructured) error {
	backoff := newBackoff()
	for {
		resource, err := c.resourceOf(object)
		if err == nil {
			_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		}
		if err == nil {
			return nil
		}
		passing := meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsConflict(err) ||
			apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
		if !passing || ctx.Err() != nil {
			return c.explain(err, accessTo("patch", object))
		}
		backoff.wait(ctx)
	}
}

func accessTo(verb string, object *unstructured.Unstructured) access {
	plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	return access{verb: verb, group: plural.Group, resource: plural.Resource, namespace: object.GetNamespace(), name: object.GetName()}
}

func (c *Client) resourceOf(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvk := object.GroupVersionKind()
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.kube.Discovery()))
	mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return c.dynamic.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
	}
	return c.dynamic.Resource(mapping.Resource), nil
}

func (c *Client) waitOperator(ctx context.Context) (*protocol.OperatorStatusResult, error) {
	backoff := newBackoff()
	for {
		status, err := c.OperatorStatus(ctx)
		if err == nil && status.Ready && status.Version == status.Wanted {
			return status, nil
		}
		backoff.wait(ctx)
		if ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		return status, operatorProblem(status, false)
	}
}

// Uninstall ends every Intercept, waits until no Service is switched any more,
// and only then removes the operator.
func (c *Client) Uninstall(ctx context.Context, progress func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	if err := c.endIntercepts(ctx, progress); err != nil {
		return err
	}
	objects, err := manifests.Objects(manifests.Options{Version: version.Version})
	if err != nil {
		return fmt.Errorf("the operator's objects: %w", err)
	}
	for i := len(objects) - 1; i >= 0; i-- {
		progress(fmt.Sprintf("%s %s", objects[i].GetKind(), objects[i].GetName()))
		if err := c.deleteObject(ctx, &objects[i]); err != nil {
			return err
		}
	}
	progress("waiting until all of it is gone")
	for i := range objects {
		if err := c.waitDeleted(ctx, &objects[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) waitDeleted(ctx context.Context, object *unstructured.Unstructured) error {
	backoff := newBackoff()
	for {
		resource, err := c.resourceOf(object)
		if err == nil {
			_, err = resource.Get(ctx, object.GetName(), metav1.GetOptions{})
		}
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return nil
		}
		backoff.wait(ctx)
		if ctx.Err() != nil {
			return protocol.Errorf(protocol.CodeOperatorNotReady, "%s %s is still being deleted: %w", object.GetKind(), object.GetName(), ctx.Err()).
				On(object.GetKind(), object.GetNamespace(), object.GetName())
		}
	}
}

func (c *Client) endIntercepts(ctx context.Context, progress func(string)) error {
	all := c.dynamic.Resource(interceptResource)
	list, err := all.List(ctx, metav1.ListOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return c.explain(err, access{verb: "list", group: v1alpha1.GroupName, resource: "intercepts"})
	}
	if list != nil {
		for i := range list.Items {
			u := &list.Items[i]
			progress("ending Intercept " + u.GetNamespace() + "/" + u.GetName())
			err := all.Namespace(u.GetNamespace()).Delete(ctx, u.GetName(), metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return c.explain(err, accessTo("delete", u))
			}
		}
	}
	if err := c.waitNoneSwitched(ctx, progress); err != nil {
		return err
	}
	return c.waitNoAgents(ctx, progress)
}

// waitNoAgents lets the operator take its agents down before it goes itself.
func (c *Client) waitNoAgents(ctx context.Context, progress func(string)) error {
	backoff := newBackoff()
	for told := 0; ; {
		list, err := c.kube.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelManagedBy + "=" + v1alpha1.ManagedBy})
		if err != nil {
			return c.explain(err, access{verb: "list", group: "apps", resource: "deployments"})
		}
		if len(list.Items) == 0 {
			return nil
		}
		if told != len(list.Items) {
			told = len(list.Items)
			progress(fmt.Sprintf("waiting for %d agents to go", told))
		}
		backoff.wait(ctx)
		if ctx.Err() != nil {
			return protocol.Errorf(protocol.CodeRestorePending, "%d agents are still there, the operator was left in place: %w", told, ctx.Err()).
				WithFix(protocol.Fix{Title: "Is the operator running?", Command: "tunnel-server status"})
		}
	}
}

func (c *Client) waitNoneSwitched(ctx context.Context, progress func(string)) error {
	backoff := newBackoff()
	for told := 0; ; {
		switched, err := c.switchedServices(ctx)
		if err != nil || len(switched) == 0 {
			return err
		}
		if told != len(switched) {
			told = len(switched)
			progress(fmt.Sprintf("waiting for %d Services to be put back", told))
		}
		backoff.wait(ctx)
		if ctx.Err() != nil {
			return protocol.Errorf(protocol.CodeRestorePending, "Services are still switched: %v; the operator was left in place", switched).
				WithFix(protocol.Fix{Title: "Is the operator running?", Command: "tunnel-server status"})
		}
	}
}

func (c *Client) switchedServices(ctx context.Context) ([]string, error) {
	list, err := c.kube.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, c.explain(err, access{verb: "list", resource: "services"})
	}
	var out []string
	for i := range list.Items {
		if _, switched := list.Items[i].Annotations[v1alpha1.AnnotationOriginal]; switched {
			out = append(out, list.Items[i].Namespace+"/"+list.Items[i].Name)
		}
	}
	return out, nil
}

func (c *Client) deleteObject(ctx context.Context, object *unstructured.Unstructured) error {
	resource, err := c.resourceOf(object)
	if meta.IsNoMatchError(err) {
		return nil
	}
	if err == nil {
		policy := metav1.DeletePropagationBackground
		err = resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{PropagationPolicy: &policy})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return c.explain(err, accessTo("delete", object))
	}
	return nil
}
