package cluster

import (
	"context"
	"errors"
	"slices"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Survey is what was found out about a target, and what stands in the way.
type Survey struct {
	// Target with context and namespace filled in.
	Target protocol.Target
	Ports  []protocol.PortMapping
	User   string
	// Problems, errors first.
	Problems []protocol.Diagnostic

	service  *corev1.Service
	problems []*problem
}

type problem struct {
	err      *protocol.Error
	severity protocol.Severity
	field    string
}

// Err is the first error, nil when a session can be started.
func (s *Survey) Err() error {
	for _, p := range s.problems {
		if p.severity == protocol.SeverityError {
			return p.err
		}
	}
	return nil
}

// facts is what Survey reads, all at once.
type facts struct {
	service    *corev1.Service
	slices     []discoveryv1.EndpointSlice
	intercepts []v1alpha1.Intercept
	operator   *protocol.OperatorStatusResult
	user       string
	noType     bool

	mu     sync.Mutex
	denied []access
}

// deny notes what the user may not do: it is a finding like others, and what
// else is found may be its cause.
func (f *facts) deny(a ...access) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denied = append(f.denied, a...)
}

// Survey looks at a target without changing anything. The error is for what
// kept it from looking; what it found is in Problems.
func (c *Client) Survey(ctx context.Context, target protocol.Target) (*Survey, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	target.Context = c.context
	if target.Namespace == "" {
		target.Namespace = c.namespace
	}
	s := &Survey{Target: target}
	if target.Service == "" {
		s.fail(protocol.Errorf(protocol.CodeServiceNotFound, "no Service is named in the target").
			WithFix(protocol.Fix{Title: `Set "service" to the Service to debug`}), "target.service")
		return s.sorted(), nil
	}
	f, err := c.gather(ctx, target)
	if err != nil {
		return nil, err
	}
	s.User, s.service = f.user, f.service
	s.judgeOperator(f)
	s.judgeAccess(f)
	switch {
	case f.service != nil:
		s.judgeService(f)
	case len(f.denied) == 0:
		s.judgeMissing(ctx, c)
	}
	return s.sorted(), nil
}

func (s *Survey) sorted() *Survey {
	rank := map[protocol.Severity]int{protocol.SeverityError: 0, protocol.SeverityWarning: 1, protocol.SeverityInfo: 2}
	sort.SliceStable(s.problems, func(i, j int) bool { return rank[s.problems[i].severity] < rank[s.problems[j].severity] })
	for _, p := range s.problems {
		s.Problems = append(s.Problems, p.err.Diagnostic(p.severity, p.field))
	}
	return s
}

func (s *Survey) fail(err *protocol.Error, field string) {
	s.problems = append(s.problems, &problem{err.At(protocol.StagePreflight), protocol.SeverityError, field})
}

func (s *Survey) warn(err *protocol.Error, field string) {
	s.problems = append(s.problems, &problem{err.At(protocol.StagePreflight), protocol.SeverityWarning, field})
}

func (c *Client) gather(ctx context.Context, target protocol.Target) (*facts, error) {
	ns, name := target.Namespace, target.Service
	f := &facts{}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		svc, err := c.kube.CoreV1().Services(ns).Get(ctx, name, metav1.GetOptions{})
		a := access{verb: "get", resource: "services", namespace: ns, name: name}
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case apierrors.IsForbidden(err):
			f.deny(a)
			return nil
		case err != nil:
			return c.explain(err, a)
		}
		f.service = svc
		return nil
	})
	group.Go(func() error {
		list, err := c.kube.DiscoveryV1().EndpointSlices(ns).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + name})
		a := access{verb: "list", group: "discovery.k8s.io", resource: "endpointslices", namespace: ns}
		switch {
		case apierrors.IsForbidden(err):
			f.deny(a)
			return nil
		case err != nil:
			return c.explain(err, a)
		}
		f.slices = list.Items
		return nil
	})
	group.Go(func() error {
		list, _, err := c.listIntercepts(ctx, ns)
		switch {
		case apierrors.IsNotFound(err):
			f.noType = true
			return nil
		case apierrors.IsForbidden(err):
			f.deny(access{verb: "list", group: v1alpha1.GroupName, resource: "intercepts", namespace: ns})
			return nil
		}
		f.intercepts = list
		return c.explain(err, access{verb: "list", group: v1alpha1.GroupName, resource: "intercepts", namespace: ns})
	})
	group.Go(func() (err error) {
		f.user, err = c.whoAmI(ctx)
		return err
	})
	group.Go(func() (err error) {
		f.operator, err = c.OperatorStatus(ctx)
		return err
	})
	group.Go(func() error {
		denied, err := c.deniedOf(ctx, wantedAccess(target))
		f.deny(denied...)
		return err
	})
	return f, group.Wait()
}

// wantedAccess is all that a session needs of RBAC, the most telling first.
func wantedAccess(target protocol.Target) []access {
	ns, name := target.Namespace, target.Service
	wanted := []access{{verb: v1alpha1.VerbIntercept, group: v1alpha1.GroupName, resource: v1alpha1.AccessResource, namespace: ns, name: name}}
	if target.WantsInherit() {
		wanted = append(wanted, access{verb: v1alpha1.VerbInherit, group: v1alpha1.GroupName, resource: v1alpha1.AccessResource, namespace: ns, name: name})
	}
	for _, verb := range []string{"create", "get", "list", "watch", "delete"} {
		wanted = append(wanted, access{verb: verb, group: v1alpha1.GroupName, resource: "intercepts", namespace: ns})
	}
	return append(wanted,
		access{verb: "get", resource: "services", namespace: ns, name: name},
		access{verb: "list", group: "discovery.k8s.io", resource: "endpointslices", namespace: ns})
}

func (c *Client) deniedOf(ctx context.Context, wanted []access) ([]access, error) {
	allowed := make([]bool, len(wanted))
	group, ctx := errgroup.WithContext(ctx)
	for i, a := range wanted {
		group.Go(func() error {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: a.namespace, Verb: a.verb, Group: a.group, Resource: a.resource, Name: a.name},
			}}
			answer, err := c.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
			if err != nil {
				return c.explain(err, access{verb: "create", group: "authorization.k8s.io", resource: "selfsubjectaccessreviews"})
			}
			allowed[i] = answer.Status.Allowed
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var denied []access
	for i, a := range wanted {
		if !allowed[i] {
			denied = append(denied, a)
		}
	}
	return denied, nil
}

// whoAmI is the user as the API server sees it (SelfSubjectReview, KEP-3325).
func (c *Client) whoAmI(ctx context.Context) (string, error) {
	review, err := c.kube.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", c.explain(err, access{verb: "create", group: "authentication.k8s.io", resource: "selfsubjectreviews"})
	}
	c.user.Store(review.Status.UserInfo.Username)
	return review.Status.UserInfo.Username, nil
}

func (s *Survey) judgeMissing(ctx context.Context, c *Client) {
	ns, name := s.Target.Namespace, s.Target.Service
	_, err := c.kube.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		s.fail(protocol.Errorf(protocol.CodeNamespaceNotFound, "the cluster of context %q has no namespace %q", c.context, ns).On("Namespace", "", ns), "target.namespace")
		return
	}
	fix := protocol.Fix{Title: "Choose one that is there", Command: "kubectl --context " + c.context + " -n " + ns + " get services"}
	if list, err := c.kube.CoreV1().Services(ns).List(ctx, theirs); err == nil {
		var names []string
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
		if meant := nearest(name, names); meant != "" {
			fix = protocol.Fix{Title: "Change it to " + meant, Value: meant}
		}
	}
	s.fail(protocol.Errorf(protocol.CodeServiceNotFound, "there is no Service %q in namespace %q (context %q)", name, ns, c.context).
		On("Service", ns, name).WithFix(fix), "target.service")
}

func (s *Survey) judgeOperator(f *facts) {
	if e := operatorProblem(f.operator, f.noType); e != nil {
		if e.Code == protocol.CodeOperatorVersion {
			s.warn(e, "")
			return
		}
		s.fail(e, "")
	}
}

func (s *Survey) judgeAccess(f *facts) {
	missing := f.missing(s.Target)
	if len(missing) == 0 {
		return
	}
	fix := protocol.Fix{Title: "Ask an admin to grant you this Role", YAML: grantYAML(f.user, s.Target.Namespace, missing)}
	if len(missing) == 1 && missing[0].verb == v1alpha1.VerbInherit {
		s.fail(protocol.Errorf(protocol.CodeInheritForbidden, "%s may not %s: its environment and files are not yours to read. Start with \"inherit\": false to go without them", f.user, missing[0]).
			On("Service", s.Target.Namespace, s.Target.Service).WithFix(fix), "target.inherit")
		return
	}
	s.fail(protocol.Errorf(protocol.CodeForbidden, "%s may not %s", f.user, missing[0]).
		On("Service", s.Target.Namespace, s.Target.Service).WithFix(fix), "target.service")
}

// missing is what was denied, each once, in the order of wantedAccess.
func (f *facts) missing(target protocol.Target) (missing []access) {
	for _, a := range append(wantedAccess(target), f.denied...) {
		if slices.Contains(f.denied, a) && !slices.Contains(missing, a) {
			missing = append(missing, a)
		}
	}
	return missing
}

func (s *Survey) judgeService(f *facts) {
	svc := f.service
	if in := liveIntercept(f.intercepts, svc.Name); in != nil {
		e := alreadyIntercepted(svc, in)
		if in.Spec.Client.User == f.user {
			e = e.WithFix(protocol.Fix{Title: "End that session, or delete its Intercept", Command: "kubectl -n " + in.Namespace + " delete intercept " + in.Name})
		} else {
			e = e.WithFix(protocol.Fix{Title: "Ask " + in.Spec.Client.User + " to end that session"})
		}
		s.fail(e, "target.service")
		return
	}
	if e := interceptable(svc); e != nil {
		s.fail(e, "target.service")
		return
	}
	if e := governing(svc, f.slices); e != nil {
		s.fail(e, "target.service")
		return
	}
	if readyEndpoints(f.slices) == 0 {
		s.fail(protocol.Errorf(protocol.CodeNoReadyPod, "Service %s/%s has no ready pod: there would be nobody to answer when the workstation can't", svc.Namespace, svc.Name).
			On("Service", svc.Namespace, svc.Name).
			WithFix(protocol.Fix{Title: "Bring its pods up first", Command: "kubectl -n " + svc.Namespace + " get pods"}), "target.service")
		return
	}
	ports, err := choosePorts(svc, s.Target, resolveInSlices(f.slices))
	if err != nil {
		s.fail(err, "target.port")
		return
	}
	s.Ports = ports
	if svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		s.warn(protocol.Errorf(protocol.CodeLocalTraffic, "Service %s/%s has externalTrafficPolicy Local: calls from outside reach the session only through the node that runs the agent", svc.Namespace, svc.Name).
			On("Service", svc.Namespace, svc.Name), "target.service")
	}
}

func readyEndpoints(slices []discoveryv1.EndpointSlice) int {
	n := 0
	for _, slice := range slices {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				n++
			}
		}
	}
	return n
}

// Diagnose is Survey as diagnostics alone, failures to look included.
func (c *Client) Diagnose(ctx context.Context, target protocol.Target) []protocol.Diagnostic {
	survey, err := c.Survey(ctx, target)
	if err != nil {
		return []protocol.Diagnostic{AsDiagnostic(err)}
	}
	return survey.Problems
}

// AsDiagnostic gives any error as a diagnostic.
func AsDiagnostic(err error) protocol.Diagnostic {
	var e *protocol.Error
	if !errors.As(err, &e) {
		e = protocol.Errorf(protocol.CodeInternalError, "%w", err)
	}
	return e.Diagnostic(protocol.SeverityError, "")
}
