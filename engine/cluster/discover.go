package cluster

import (
	"context"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Namespaces lists the namespaces by name. A user who may not list them gets the context's own.
// Unless, if any, is the revision of a former list: it waits for another one.
func (c *Client) Namespaces(ctx context.Context, unless string) (*protocol.ListNamespacesResult, error) {
	namespaces := c.kube.CoreV1().Namespaces()
	result := &protocol.ListNamespacesResult{}
	var err error
	result.Revision, err = follow(ctx, c, unless, []watched{{access{verb: "watch", resource: "namespaces"}, namespaces.Watch}}, func(ctx context.Context) (moment, error) {
		names, version, err := c.listNamespaces(ctx)
		result.Namespaces = names
		return moment{told: sumOf(names), versions: []string{version}}, err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (c *Client) listNamespaces(ctx context.Context) (names []string, version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := c.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		return []string{c.namespace}, "", nil
	}
	if err != nil {
		return nil, "", c.explain(err, access{verb: "list", resource: "namespaces"})
	}
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	sort.Strings(names)
	return names, list.ResourceVersion, nil
}

// theirs are the objects that the operator has not made: an origin Service is nobody's target.
var theirs = metav1.ListOptions{LabelSelector: v1alpha1.LabelManagedBy + "!=" + v1alpha1.ManagedBy}

// inventory is what a namespace's Services are told from.
type inventory struct {
	services   []corev1.Service
	pods       []corev1.Pod
	intercepts []v1alpha1.Intercept
	user       string
	now        time.Time              // by the cluster's clock, zero when not known
	versions   [inventoryLists]string // "" of what the user may not list
}

// Services lists a namespace's Services with their workload and who intercepts each.
// Unless, if any, is the revision of a former list: it waits for another one.
func (c *Client) Services(ctx context.Context, namespace, unless string) (*protocol.ListServicesResult, error) {
	if namespace == "" {
		namespace = c.namespace
	}
	result := &protocol.ListServicesResult{}
	var err error
	result.Revision, err = follow(ctx, c, unless, c.inventoryLists(namespace), func(ctx context.Context) (moment, error) {
		inv, err := c.takeInventory(ctx, namespace)
		if err != nil {
			return moment{}, err
		}
		result.Services = inv.describeAll()
		return moment{told: sumOf(timeless(result.Services)), versions: inv.versions[:]}, nil
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// timeless are Services without what changes with time alone.
func timeless(services []protocol.Service) []protocol.Service {
	services = slices.Clone(services)
	for i, s := range services {
		if s.Intercept != nil {
			intercept := *s.Intercept
			intercept.AgeSeconds, intercept.LeaseLeftSeconds = 0, 0
			services[i].Intercept = &intercept
		}
	}
	return services
}

// The lists of an inventory.
const (
	ofServices = iota
	ofPods
	ofIntercepts
	inventoryLists
)

func (c *Client) inventoryLists(namespace string) []watched {
	lists := make([]watched, inventoryLists)
	lists[ofServices] = watched{access{verb: "watch", resource: "services", namespace: namespace}, func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.LabelSelector = theirs.LabelSelector
		return c.kube.CoreV1().Services(namespace).Watch(ctx, o)
	}}
	lists[ofPods] = watched{access{verb: "watch", resource: "pods", namespace: namespace}, c.kube.CoreV1().Pods(namespace).Watch}
	lists[ofIntercepts] = watched{access{verb: "watch", group: v1alpha1.GroupName, resource: "intercepts", namespace: namespace}, c.intercepts(namespace).Watch}
	return lists
}

func (inv *inventory) describeAll() []protocol.Service {
	out := make([]protocol.Service, 0, len(inv.services))
	for i := range inv.services {
		out = append(out, inv.describe(&inv.services[i]))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

func (c *Client) takeInventory(ctx context.Context, namespace string) (*inventory, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	inv := &inventory{}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		list, err := c.kube.CoreV1().Services(namespace).List(ctx, theirs)
		if err != nil {
			return c.explain(err, access{verb: "list", resource: "services", namespace: namespace})
		}
		inv.services, inv.versions[ofServices] = list.Items, list.ResourceVersion
		return nil
	})
	group.Go(func() error {
		list, err := c.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			return nil // the Services are worth showing without their pods
		}
		if err != nil {
			return c.explain(err, access{verb: "list", resource: "pods", namespace: namespace})
		}
		inv.pods, inv.versions[ofPods] = list.Items, list.ResourceVersion
		return nil
	})
	group.Go(func() error {
		list, version, err := c.listIntercepts(ctx, namespace)
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
			return nil
		}
		inv.intercepts, inv.versions[ofIntercepts] = list, version
		return c.explain(err, access{verb: "list", group: v1alpha1.GroupName, resource: "intercepts", namespace: namespace})
	})
	group.Go(func() error {
		// Without it ages are not told.
		if now, err := c.clusterTime(ctx); err == nil {
			inv.now = now
		}
		return nil
	})
	group.Go(func() error {
		user, err := c.whoAmI(ctx)
		inv.user = user
		return err
	})
	return inv, group.Wait()
}

func (inv *inventory) describe(svc *corev1.Service) protocol.Service {
	selector, switched := originalSelector(svc)
	pods := selectPods(inv.pods, selector)
	out := protocol.Service{Name: svc.Name, Namespace: svc.Namespace, Type: string(svc.Spec.Type), Workload: workloadOf(pods)}
	for _, p := range svc.Spec.Ports {
		out.Ports = append(out.Ports, protocol.ServicePort{
			Name: p.Name, Port: int(p.Port), Protocol: string(p.Protocol),
			TargetPort: p.TargetPort.String(), ResolvedPort: resolveInPods(p, pods),
		})
	}
	if in := liveIntercept(inv.intercepts, svc.Name); in != nil {
		out.Intercept = interceptInfo(in, inv.user, inv.now)
		if !out.Intercept.Mine {
			out.NotInterceptable = alreadyIntercepted(svc, in).Message
		}
	} else if switched {
		out.NotInterceptable = "it is being put back after an intercept"
	}
	if e := interceptable(svc); e != nil {
		out.NotInterceptable = e.Message
	}
	return out
}

func liveIntercept(intercepts []v1alpha1.Intercept, service string) *v1alpha1.Intercept {
	for i := range intercepts {
		in := &intercepts[i]
		if in.Spec.Service == service && in.DeletionTimestamp == nil && in.Status.State != v1alpha1.StateRefused {
			return in
		}
	}
	return nil
}

// interceptInfo tells of an Intercept at a time of the cluster's clock; the zero time when that is not known.
func interceptInfo(in *v1alpha1.Intercept, user string, now time.Time) *protocol.InterceptInfo {
	info := &protocol.InterceptInfo{
		Name: in.Name, User: in.Spec.Client.User, Host: in.Spec.Client.Host, State: string(in.Status.State),
		Since: in.CreationTimestamp.UTC().Format(time.RFC3339), Mine: in.Spec.Client.User == user,
		LeaseLeftSeconds: int64(in.Spec.LeaseSeconds),
	}
	if now.IsZero() {
		return info
	}
	info.AgeSeconds = int64(now.Sub(in.CreationTimestamp.Time).Seconds())
	if c := meta.FindStatusCondition(in.Status.Conditions, v1alpha1.ConditionAttached); c != nil && c.Status == metav1.ConditionFalse && c.Reason == v1alpha1.ReasonAway {
		info.LeaseLeftSeconds = max(0, info.LeaseLeftSeconds-int64(now.Sub(c.LastTransitionTime.Time).Seconds()))
	}
	return info
}

// clusterTime is the API server's clock. That of a workstation tells nothing about the age of what is in the cluster.
func (c *Client) clusterTime(ctx context.Context) (time.Time, error) {
	url := c.kube.Discovery().RESTClient().Get().AbsPath("/version").URL()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url.String(), nil)
	if err != nil {
		return time.Time{}, err
	}
	response, err := c.upgrades.RoundTrip(request)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = response.Body.Close() }()
	return http.ParseTime(response.Header.Get("Date"))
}

func selectPods(pods []corev1.Pod, selector map[string]string) []corev1.Pod {
	if len(selector) == 0 {
		return nil
	}
	match := labels.SelectorFromSet(selector)
	var out []corev1.Pod
	for i := range pods {
		if pods[i].DeletionTimestamp == nil && match.Matches(labels.Set(pods[i].Labels)) {
			out = append(out, pods[i])
		}
	}
	return out
}

// workloadOf names the controller of the pods. A ReplicaSet's name is its
// Deployment's with the pod-template-hash behind it.
func workloadOf(pods []corev1.Pod) *protocol.Workload {
	if len(pods) == 0 {
		return nil
	}
	w := &protocol.Workload{Kind: "Pod", Name: pods[0].Name, Total: len(pods)}
	if owner := metav1.GetControllerOf(&pods[0]); owner != nil {
		w.Kind, w.Name = owner.Kind, owner.Name
		if hash := pods[0].Labels["pod-template-hash"]; owner.Kind == "ReplicaSet" && hash != "" {
			w.Kind, w.Name = "Deployment", strings.TrimSuffix(owner.Name, "-"+hash)
		}
	}
	if len(pods[0].Spec.Containers) > 0 {
		w.Image = pods[0].Spec.Containers[0].Image
	}
	for i := range pods {
		if podReady(&pods[i]) {
			w.Ready++
		}
	}
	return w
}

func podReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
