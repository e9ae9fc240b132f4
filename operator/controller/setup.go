package controller

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// Options of the operator.
type Options struct {
	Config   *rest.Config
	Settings Settings
	// Key is the operator's.
	Key tunnel.PrivateKey
	Log *slog.Logger
	// Namespaces restricts the operator to some; none means all.
	Namespaces []string
	// Leading tells whether this operator is still the one that acts; nil: it always is.
	// A process that was frozen may learn late, by Run's ctx, that another took its place.
	Leading func() bool
	// Term is the number of its term.
	Term int64
	// Dial replaces the way to an agent's control port, for tests.
	Dial control.DialFunc
	// workers 0: as many as are good for a cluster.
	workers int
}

const defaultWorkers = 8

// definitionKind is that of the Intercept type's own object.
var definitionKind = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// Run is the operator, until ctx ends. Its goroutines are those of a
// controller-runtime manager and of the control channels; all have ended when it returns.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.Settings.OperatorKey = string(o.Key.Public())
	manager, err := newManager(o)
	if err != nil {
		return err
	}
	news := make(chan event.GenericEvent, 1024)
	if o.Leading == nil {
		o.Leading = func() bool { return true }
	}
	links := newLinks(o.Key, o.Term, onlyWhile(o.Leading, o.Dial), func(key types.NamespacedName) {
		select {
		case news <- event.GenericEvent{Object: named(key)}:
		case <-ctx.Done():
		}
	})
	defer links.close()
	// Before links are closed, nobody may wait to tell their news.
	defer cancel()
	r := &reconciler{
		gatherer: gatherer{cache: manager.GetClient(), live: manager.GetAPIReader(), networks: &networks{live: manager.GetAPIReader(), log: o.Log}},
		applier:  applier{client: manager.GetClient(), reader: manager.GetAPIReader(), teller: teller{events: manager.GetEventRecorder(v1alpha1.ManagedBy), log: o.Log}},
		links:    links, leading: o.Leading, settings: o.Settings, log: o.Log, now: time.Now, memory: map[types.NamespacedName]Memory{},
	}
	if err := wire(ctx, manager, r, news, o.workers); err != nil {
		return err
	}
	if err := manager.Start(ctx); err != nil {
		return fmt.Errorf("run the operator: %w", err)
	}
	return nil
}

func named(key types.NamespacedName) client.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
}

func newManager(o Options) (ctrl.Manager, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("register types: %w", err)
		}
	}
	config := rest.CopyConfig(o.Config)
	// A switch must not wait behind our own politeness; the API server's priority and fairness rules hold.
	config.QPS, config.Burst = 500, 1000
	direct, err := client.New(config, client.Options{Scheme: s, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: s, Logger: logr.FromSlogHandler(o.Log.Handler()),
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper(), nil },
		Cache:          cacheOptions(o, goneBy(direct)),
		// Served by the program, also while another operator leads.
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		// The plain queue: the other one leaves a goroutine behind when it is shut down with work in it.
		Controller: ctrlconfig.Controller{SkipNameValidation: new(true), UsePriorityQueue: new(false)},
	})
	if err != nil {
		return nil, fmt.Errorf("make manager: %w", err)
	}
	return manager, nil
}

// mapper knows our few kinds by itself. One that asks the API server could not
// start while the Intercept type is missing.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	add := func(gv schema.GroupVersion, kinds ...string) {
		for _, kind := range kinds {
			m.Add(gv.WithKind(kind), meta.RESTScopeNamespace)
			// The cache asks for the scope of a list as well.
			m.Add(gv.WithKind(kind+"List"), meta.RESTScopeNamespace)
		}
	}
	add(corev1.SchemeGroupVersion, "Service", "Pod", "Secret", "PersistentVolumeClaim", "LimitRange", "Event")
	add(appsv1.SchemeGroupVersion, "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
	add(batchv1.SchemeGroupVersion, "Job")
	add(rbacv1.SchemeGroupVersion, "Role", "RoleBinding")
	add(discoveryv1.SchemeGroupVersion, "EndpointSlice")
	add(v1alpha1.GroupVersion, "Intercept")
	for _, kind := range []schema.GroupVersionKind{
		definitionKind, corev1.SchemeGroupVersion.WithKind("Node"), corev1.SchemeGroupVersion.WithKind("NodeList"),
		networkingv1.SchemeGroupVersion.WithKind("ServiceCIDR"), networkingv1.SchemeGroupVersion.WithKind("ServiceCIDRList"),
	} {
		m.Add(kind, meta.RESTScopeRoot)
	}
	return m
}

// goneBy asks for the type's definition.
func goneBy(c client.Reader) typeGone {
	return func(ctx context.Context) (bool, error) {
		definition := &metav1.PartialObjectMetadata{}
		definition.SetGroupVersionKind(definitionKind)
		err := c.Get(ctx, client.ObjectKey{Name: "intercepts." + v1alpha1.GroupName}, definition)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
}

// cacheOptions hold in memory only what is looked at again and again: our own
// objects, Intercepts, and of Services little more than their names.
func cacheOptions(o Options, gone typeGone) cache.Options {
	ours := cache.ByObject{Label: labels.NewSelector().Add(mustRequire(v1alpha1.LabelTarget)), Transform: cache.TransformStripManagedFields()}
	options := cache.Options{
		NewInformer: newInformer(gone),
		ByObject: map[client.Object]cache.ByObject{
			&appsv1.Deployment{}: ours, &rbacv1.Role{}: ours, &rbacv1.RoleBinding{}: ours,
			&corev1.Pod{}: ours, &discoveryv1.EndpointSlice{}: ours,
			&corev1.Service{}: {Transform: slimService},
		},
		DefaultTransform: cache.TransformStripManagedFields(),
	}
	if len(o.Namespaces) > 0 {
		options.DefaultNamespaces = map[string]cache.Config{}
		for _, ns := range o.Namespaces {
			options.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	return options
}

// targetOfSlice finds the target by the origin Service to which a slice belongs:
// slices take over a Service's labels, not its annotations.
func targetOfSlice(cache client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		origin := &corev1.Service{}
		key := client.ObjectKey{Namespace: o.GetNamespace(), Name: o.GetLabels()[discoveryv1.LabelServiceName]}
		if err := cache.Get(ctx, key, origin); err != nil {
			// Without its Service, a slice matters to nobody.
			return nil
		}
		return targetOf(ctx, origin)
	}
}

func mustRequire(label string) labels.Requirement {
	r, err := labels.NewRequirement(label, selection.Exists, nil)
	if err != nil {
		panic(err) // a constant
	}
	return *r
}

// slimService keeps of a Service that is not ours what tells whether it concerns us.
func slimService(in any) (any, error) {
	svc, ok := in.(*corev1.Service)
	if !ok {
		return in, nil
	}
	svc.ManagedFields = nil
	if _, ours := svc.Labels[v1alpha1.LabelTarget]; ours {
		return svc, nil
	}
	original, annotated := svc.Annotations[v1alpha1.AnnotationOriginal]
	svc.Annotations, svc.Labels, svc.Status = nil, nil, corev1.ServiceStatus{}
	if annotated {
		svc.Annotations = map[string]string{v1alpha1.AnnotationOriginal: original}
	}
	svc.Spec = corev1.ServiceSpec{}
	return svc, nil
}

// wire tells the controller what to look at and when.
func wire(ctx context.Context, manager ctrl.Manager, r *reconciler, news <-chan event.GenericEvent, workers int) error {
	err := manager.GetFieldIndexer().IndexField(ctx, &v1alpha1.Intercept{}, indexService, func(o client.Object) []string {
		if in, ok := o.(*v1alpha1.Intercept); ok {
			return []string{in.Spec.Service}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index Intercepts: %w", err)
	}
	if workers == 0 {
		workers = defaultWorkers
	}
	toTarget := handler.EnqueueRequestsFromMapFunc(targetOf)
	err = builder.ControllerManagedBy(manager).Named("service").
		Watches(&corev1.Service{}, toTarget).
		Watches(&v1alpha1.Intercept{}, toTarget).
		Watches(&appsv1.Deployment{}, toTarget).
		Watches(&corev1.Pod{}, toTarget).
		Watches(&rbacv1.Role{}, toTarget).
		Watches(&rbacv1.RoleBinding{}, toTarget).
		Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(targetOfSlice(manager.GetClient()))).
		WatchesRawSource(source.Channel(news, handler.EnqueueRequestsFromMapFunc(itself))).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("make controller: %w", err)
	}
	return nil
}

func request(namespace, name string) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

func itself(_ context.Context, o client.Object) []reconcile.Request {
	return request(o.GetNamespace(), o.GetName())
}

// targetOf is the Service for which an object matters.
func targetOf(ctx context.Context, o client.Object) []reconcile.Request {
	if in, ok := o.(*v1alpha1.Intercept); ok {
		return request(in.Namespace, in.Spec.Service)
	}
	if target, ours := o.GetAnnotations()[v1alpha1.AnnotationTarget]; ours && o.GetLabels()[v1alpha1.LabelTarget] != "" {
		return request(o.GetNamespace(), target)
	}
	if _, ok := o.(*corev1.Service); ok {
		return itself(ctx, o)
	}
	return nil
}
