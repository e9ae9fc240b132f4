package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
)

// indexService finds Intercepts by the Service that they are for.
const indexService = "spec.service"

// gatherer reads the World. cache answers from memory, live asks the API server.
type gatherer struct {
	cache    client.Reader
	live     client.Reader
	networks *networks
}

// gather reads what there is about one Service. Concerned is false when it is none
// of our business: by far the most Services are not.
func (g *gatherer) gather(ctx context.Context, key types.NamespacedName) (w World, concerned bool, err error) {
	w = World{Key: key}
	if w.Intercepts, err = g.intercepts(ctx, key); err != nil {
		return w, false, err
	}
	if w.Owned, err = g.owned(ctx, key); err != nil {
		return w, false, err
	}
	if len(w.Intercepts) == 0 && w.Owned.none() {
		cached := &corev1.Service{}
		err := g.cache.Get(ctx, key, cached)
		if _, annotated := cached.Annotations[v1alpha1.AnnotationOriginal]; err != nil || !annotated {
			return w, false, client.IgnoreNotFound(err)
		}
	}
	// The Service itself is read live: a cache that is a moment behind our own patch
	// would look like somebody else's.
	svc := &corev1.Service{}
	switch err := g.live.Get(ctx, key, svc); {
	case err == nil:
		w.Service = svc
	case !apierrors.IsNotFound(err):
		return w, false, fmt.Errorf("get Service: %w", err)
	}
	if w.OriginSlices, err = g.originSlices(ctx, &w); err != nil {
		return w, false, err
	}
	w.OriginReady = slices.ContainsFunc(w.OriginSlices, func(s discoveryv1.EndpointSlice) bool {
		return slices.ContainsFunc(s.Endpoints, func(e discoveryv1.Endpoint) bool { return readyEndpoint(&e) })
	})
	if w.needsApp() {
		if w.App, err = g.app(ctx, &w); err != nil {
			return w, false, err
		}
	}
	if len(w.live()) > 0 {
		w.Networks = g.networks.at(ctx, time.Now())
	}
	return w, true, nil
}

func (g *gatherer) intercepts(ctx context.Context, key types.NamespacedName) ([]v1alpha1.Intercept, error) {
	list := &v1alpha1.InterceptList{}
	if err := g.cache.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingFields{indexService: key.Name}); err != nil {
		return nil, fmt.Errorf("list Intercepts: %w", err)
	}
	return list.Items, nil
}

func (o *Owned) none() bool {
	return len(o.Deployments)+len(o.Services)+len(o.Roles)+len(o.Bindings)+len(o.Pods) == 0
}

// owned finds our objects by label (the cache holds no others) and by the name of
// the Service in their annotation.
func (g *gatherer) owned(ctx context.Context, key types.NamespacedName) (o Owned, err error) {
	var deployments appsv1.DeploymentList
	var services corev1.ServiceList
	var roles rbacv1.RoleList
	var bindings rbacv1.RoleBindingList
	var pods corev1.PodList
	var standby discoveryv1.EndpointSliceList
	ours := []client.ListOption{client.InNamespace(key.Namespace), client.HasLabels{v1alpha1.LabelTarget}}
	for _, list := range []client.ObjectList{&deployments, &services, &roles, &bindings, &pods, &standby} {
		if err := g.cache.List(ctx, list, ours...); err != nil {
			return o, fmt.Errorf("list %T: %w", list, err)
		}
	}
	o.Deployments = of(deployments.Items, key.Name)
	o.Services = of(services.Items, key.Name)
	o.Roles = of(roles.Items, key.Name)
	o.Bindings = of(bindings.Items, key.Name)
	o.Pods = of(pods.Items, key.Name)
	o.Slices = of(standby.Items, key.Name) // those of the origin Service have no annotation
	return o, nil
}

// object is a pointer to a listed type.
type object[T any] interface {
	*T
	client.Object
}

// of keeps what was made for the Service called target, judging by annotation and
// by name: a user's object that merely carries our labels is not ours.
func of[T any, P object[T]](items []T, target string) []T {
	var out []T
	for i := range items {
		o := P(&items[i])
		base := namesFor(types.UID(o.GetLabels()[v1alpha1.LabelTarget]), target).base
		if o.GetAnnotations()[v1alpha1.AnnotationTarget] == target && strings.HasPrefix(o.GetName(), base) {
			out = append(out, items[i])
		}
	}
	return out
}

// originSlices are those of the origin Service.
func (g *gatherer) originSlices(ctx context.Context, w *World) ([]discoveryv1.EndpointSlice, error) {
	origin := w.originService()
	if origin == nil {
		return nil, nil
	}
	list := &discoveryv1.EndpointSliceList{}
	if err := g.cache.List(ctx, list, client.InNamespace(origin.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: origin.Name}); err != nil {
		return nil, fmt.Errorf("list EndpointSlices: %w", err)
	}
	return list.Items, nil
}
