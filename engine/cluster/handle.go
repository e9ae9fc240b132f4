package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Request is what an Intercept is made from.
type Request struct {
	Name    string
	Key     string
	Host    string
	Version string
	Inherit bool
	// LeaseSeconds 0 = the type's default.
	LeaseSeconds int32
}

// Handle is one Intercept of ours. Its goroutine watches the object until Close,
// and starts over whenever the watch ends.
type Handle struct {
	client    *Client
	namespace string
	name      string
	uid       string
	before    *corev1.Service

	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	last    v1alpha1.InterceptStatus
	gone    bool
	changed chan struct{}
	carrier protocol.Carrier
}

// Create makes the Intercept of a surveyed target and begins to watch it.
func (c *Client) Create(ctx context.Context, survey *Survey, r Request) (*Handle, error) {
	ctx, cancelRequest := context.WithTimeout(ctx, requestTimeout)
	defer cancelRequest()
	ns := survey.Target.Namespace
	object, err := fromIntercept(newIntercept(survey, r))
	if err != nil {
		return nil, err
	}
	made, err := c.intercepts(ns).Create(ctx, object, metav1.CreateOptions{FieldManager: "tunnel-server"})
	if apierrors.IsAlreadyExists(err) {
		// The same session asked twice, or an answer got lost: it is ours if the key is.
		made, err = c.intercepts(ns).Get(ctx, r.Name, metav1.GetOptions{})
	}
	if err != nil {
		return nil, c.refused(err, survey)
	}
	in, err := toIntercept(made)
	if err != nil {
		return nil, err
	}
	if in.Spec.Client.Key != r.Key {
		return nil, protocol.Errorf(protocol.CodeSessionExists, "Intercept %s/%s belongs to another session", ns, r.Name).On("Intercept", ns, r.Name)
	}
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h := &Handle{
		client: c, namespace: ns, name: in.Name, uid: string(in.UID), before: survey.service,
		cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}), last: in.Status,
	}
	go h.watch(watchCtx)
	return h, nil
}

func newIntercept(survey *Survey, r Request) *v1alpha1.Intercept {
	in := &v1alpha1.Intercept{}
	in.Name, in.Namespace = r.Name, survey.Target.Namespace
	in.Spec = v1alpha1.InterceptSpec{
		Service: survey.Target.Service,
		Mode:    v1alpha1.InterceptMode{Type: v1alpha1.ModeAll},
		Client:  v1alpha1.InterceptClient{User: survey.User, Host: r.Host, Key: r.Key, Version: r.Version},
		Inherit: r.Inherit, LeaseSeconds: r.LeaseSeconds,
	}
	for _, p := range survey.Ports {
		in.Spec.Ports = append(in.Spec.Ports, v1alpha1.InterceptPort{Port: int32(p.ServicePort)})
	}
	return in
}

// refused tells why the API server did not take the Intercept: RBAC, the
// operator's admission policy, a quota.
func (c *Client) refused(err error, survey *Survey) error {
	if apierrors.IsNotFound(err) {
		return operatorProblem(&protocol.OperatorStatusResult{}, true)
	}
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		return c.explain(err, access{verb: "create", group: v1alpha1.GroupName, resource: "intercepts", namespace: survey.Target.Namespace})
	}
	namespace, service := survey.Target.Namespace, survey.Target.Service
	if full := quotaExceeded(namespace, statusMessage(err)); full != nil {
		return full
	}
	e := protocol.Errorf(protocol.CodeInterceptRefused, "the cluster refused the intercept of Service %s/%s: %s", namespace, service, statusMessage(err)).
		On("Service", namespace, service)
	if apierrors.IsForbidden(err) {
		e = e.WithFix(protocol.Fix{Title: "Ask an admin to grant you this Role", YAML: grantYAML(survey.User, namespace, wantedAccess(survey.Target))})
	}
	return e
}

// Name is the object's name.
func (h *Handle) Name() string { return h.name }

// UID is the object's.
func (h *Handle) UID() string { return h.uid }

// watch keeps last up to date. A watch that ends is begun again from a fresh read.
func (h *Handle) watch(ctx context.Context) {
	defer close(h.done)
	for backoff := newBackoff(); ctx.Err() == nil; backoff.wait(ctx) {
		version, err := h.read(ctx)
		if err != nil || version == "" {
			continue
		}
		w, err := h.client.intercepts(h.namespace).Watch(ctx, metav1.ListOptions{
			FieldSelector: "metadata.name=" + h.name, ResourceVersion: version,
		})
		if err != nil {
			continue
		}
		backoff.reset()
		h.follow(ctx, w)
	}
}

func (h *Handle) follow(ctx context.Context, w watch.Interface) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-w.ResultChan():
			if !ok || event.Type == watch.Error {
				return
			}
			u, ok := event.Object.(*unstructured.Unstructured)
			if !ok {
				return
			}
			if event.Type == watch.Deleted {
				h.update(nil)
				continue
			}
			if in, err := toIntercept(u); err == nil && string(in.UID) == h.uid {
				h.update(in)
			}
		}
	}
}

// read takes the present state; "" when the object is gone.
func (h *Handle) read(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	u, err := h.client.intercepts(h.namespace).Get(ctx, h.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		h.update(nil)
		return "", nil
	}
	if err != nil {
		return "", err
	}
	in, err := toIntercept(u)
	if err != nil {
		return "", err
	}
	if string(in.UID) != h.uid {
		h.update(nil)
		return "", nil
	}
	h.update(in)
	return u.GetResourceVersion(), nil
}

func (h *Handle) update(in *v1alpha1.Intercept) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if in == nil {
		h.gone = true
	} else {
		h.last = in.Status
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// Status gives the last known status, whether the object is gone, and a channel
// that is closed at the next change.
func (h *Handle) Status() (status v1alpha1.InterceptStatus, gone bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last, h.gone, h.changed
}

// WaitAgent waits until the operator has given the agent's address and key.
func (h *Handle) WaitAgent(ctx context.Context) (*v1alpha1.InterceptAgent, error) {
	for {
		status, gone, changed := h.Status()
		switch {
		case gone:
			return nil, h.goneError()
		case status.State == v1alpha1.StateRefused:
			return nil, protocol.Errorf(protocol.CodeInterceptRefused, "the operator refused the intercept: %s", status.Message).On("Intercept", h.namespace, h.name)
		case status.State == v1alpha1.StateFailed:
			return nil, h.failedError(&status)
		case status.Agent != nil && status.Agent.Pod != "":
			return status.Agent, nil
		}
		select {
		case <-ctx.Done():
			return nil, h.noAgent(ctx, status)
		case <-changed:
		}
	}
}

func (h *Handle) failedError(status *v1alpha1.InterceptStatus) error {
	if full := quotaExceeded(h.namespace, status.Message); full != nil {
		return full
	}
	return protocol.Errorf(protocol.CodeAgentFailed, "the agent can't run: %s", status.Message).On("Intercept", h.namespace, h.name)
}

func (h *Handle) noAgent(ctx context.Context, status v1alpha1.InterceptStatus) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	message := status.Message
	if message == "" {
		message = "the operator has not answered; is it running?"
	}
	return protocol.Errorf(protocol.CodeAgentFailed, "no agent for Intercept %s/%s yet: %s", h.namespace, h.name, message).
		On("Intercept", h.namespace, h.name).
		WithFix(protocol.Fix{Title: "Look at the operator", Command: "tunnel-server status"})
}

func (h *Handle) goneError() error {
	return protocol.Errorf(protocol.CodeInterceptGone, "Intercept %s/%s is gone: somebody deleted it, or its lease ended", h.namespace, h.name).
		On("Intercept", h.namespace, h.name)
}

// Dial makes a connection to where the agent takes tunnels.
func (h *Handle) Dial(ctx context.Context) (io.ReadWriteCloser, error) {
	agent, err := h.WaitAgent(ctx)
	if err != nil {
		return nil, err
	}
	conn, by, err := h.client.dialAgent(ctx, h.namespace, agent)
	if err == nil {
		h.mu.Lock()
		h.carrier = by
		h.mu.Unlock()
	}
	return conn, err
}

// Carrier is how the last connection of Dial goes; "" before.
func (h *Handle) Carrier() protocol.Carrier {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.carrier
}

// Delete asks for the end of the intercept. It may be called twice.
func (h *Handle) Delete(ctx context.Context) error {
	backoff := newBackoff()
	for {
		if _, gone, _ := h.Status(); gone {
			return nil
		}
		err := h.client.EndIntercept(ctx, h.namespace, h.name, h.uid)
		var known *protocol.Error
		final := errors.As(err, &known) && (known.Code == protocol.CodeForbidden || known.Code == protocol.CodeUnauthorized)
		if err == nil || final || ctx.Err() != nil {
			return err
		}
		backoff.wait(ctx)
	}
}

// Close ends the watch.
func (h *Handle) Close() {
	h.cancel()
	<-h.done
}

// String names the object.
func (h *Handle) String() string { return fmt.Sprintf("Intercept %s/%s", h.namespace, h.name) }
