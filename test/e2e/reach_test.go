package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	enginecluster "github.com/kubetunnel/kubetunnel/engine/cluster"
	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// may asks the API server what a user is allowed in the shop.
func (p *person) may(ctx context.Context, t *testing.T, verb, resource, sub, name string) bool {
	t.Helper()
	review, err := p.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: shop, Verb: verb, Resource: resource, Subresource: sub, Name: name,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

func TestOwnerReachesTheAgentAloneAndNobodyElseDoes(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	ann, bob := newPerson(ctx, t, "ann"), newPerson(ctx, t, "bob")
	for _, p := range []*person{ann, bob} {
		p.grant(ctx, t, "cart", "intercept", "inherit")
	}
	e := ann.open(ctx, t)
	goLive(ctx, t, e, serviceOf(ctx, t, "reach", "cart"))
	agent := agentPods(ctx, t)[0]
	apps, err := world.Kube.CoreV1().Pods(shop).List(ctx, metav1.ListOptions{LabelSelector: "app=cart"})
	if err != nil || len(apps.Items) == 0 {
		t.Fatalf("no pod of cart: %v", err)
	}
	app := apps.Items[0].Name
	upgrade := fmt.Sprintf("%s:%d", agent.Name, portOf(t, &agent, "upgrade-port"))
	control := fmt.Sprintf("%s:%d", agent.Name, portOf(t, &agent, "control-port"))
	for _, row := range []struct {
		verb, sub, name string
		ann             bool
	}{
		{"create", "portforward", agent.Name, true},
		{"get", "proxy", upgrade, true},
		{"get", "proxy", control, false},
		{"get", "proxy", agent.Name, false},
		{"create", "proxy", upgrade, false},
		{"create", "portforward", app, false},
		{"get", "portforward", app, false},
		{"get", "proxy", app, false},
		{"get", "proxy", app + ":8080", false},
		{"create", "portforward", "", false},
		{"create", "exec", agent.Name, false},
		{"get", "log", agent.Name, false},
		{"create", "attach", agent.Name, false},
		{"patch", "ephemeralcontainers", agent.Name, false},
	} {
		if got := ann.may(ctx, t, row.verb, "pods", row.sub, row.name); got != row.ann {
			t.Errorf("the owner may %s pods/%s %s: %v", row.verb, row.sub, row.name, got)
		}
		if bob.may(ctx, t, row.verb, "pods", row.sub, row.name) {
			t.Errorf("another developer of the same Service may %s pods/%s %s", row.verb, row.sub, row.name)
		}
	}
	for _, p := range []*person{ann, bob} {
		if p.may(ctx, t, "get", "secrets", "", "payment") || p.may(ctx, t, "list", "secrets", "", "") {
			t.Errorf("%s may read Secrets", p.name)
		}
		// And so it is: an answer of the API server's, not its opinion.
		_, err := p.kube.CoreV1().Pods(shop).ProxyGet("http", app, "8080", "/healthz", nil).DoRaw(ctx)
		mustBe(t, "proxy to the app's pod", err, apierrors.IsForbidden, "")
		mustBe(t, "port-forward to the app's pod", p.forward(ctx, t, app, 8080).error(), isForbiddenUpgrade, "forbidden")
	}
	mustBe(t, "another's port-forward to the agent", bob.forward(ctx, t, agent.Name, 7070).error(), isForbiddenUpgrade, "forbidden")
	stopSession(ctx, t, e, "reach")
	restored()
	waitNothingLeft(ctx, t, shop)
}

// isForbiddenUpgrade: client-go tells a refused port-forward by its status alone.
func isForbiddenUpgrade(err error) bool {
	var refused *refusedForward
	return errors.As(err, &refused)
}

type refusedForward struct{ cause error }

func (r *refusedForward) Error() string { return "port-forward: " + r.cause.Error() }
func (r *refusedForward) Unwrap() error { return r.cause }

// forwarded is a port-forward that is up, or has failed.
type forwarded struct {
	port int
	err  error
}

func (f *forwarded) error() error { return f.err }

// forward forwards a pod's port to here, as kubectl does, until the test ends.
func (p *person) forward(ctx context.Context, t *testing.T, pod string, port int) *forwarded {
	t.Helper()
	return forwardAs(ctx, t, p.rest, pod, port)
}

func forwardAs(ctx context.Context, t *testing.T, config *rest.Config, pod string, port int) *forwarded {
	t.Helper()
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		t.Fatal(err)
	}
	url := world.Kube.CoreV1().RESTClient().Post().Namespace(shop).Resource("pods").Name(pod).SubResource("portforward").URL()
	stop, ready := make(chan struct{}), make(chan struct{})
	f, err := portforward.New(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url), []string{fmt.Sprintf("0:%d", port)}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.ForwardPorts() }()
	select {
	case err := <-ended:
		return &forwarded{err: &refusedForward{err}}
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	case <-ready:
	}
	t.Cleanup(func() {
		close(stop)
		<-ended
	})
	ports, err := f.GetPorts()
	if err != nil {
		t.Fatal(err)
	}
	return &forwarded{port: int(ports[0].Local)}
}

// An engine whose Intercept was deleted has its key still, and the agent lives on for
// a moment: it is of no use. The way there is an admin's, so that it is the agent that refuses.
func TestKeyIsWithdrawnWithItsIntercept(t *testing.T) {
	ctx := testContext(t)
	ann := newPerson(ctx, t, "ann")
	ann.grant(ctx, t, "cart", "intercept", "inherit")
	client, err := enginecluster.NewKubeconfig(ann.kubeconfig).Connect("")
	if err != nil {
		t.Fatal(err)
	}
	var survey *enginecluster.Survey
	err = cluster.Wait(ctx, "the role to hold", func() (bool, error) {
		survey, err = client.Survey(ctx, protocol.Target{Namespace: shop, Service: "cart"})
		return err == nil && survey.Err() == nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := tunnel.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	handle, err := client.Create(ctx, survey, enginecluster.Request{Name: unique("key"), Key: string(key.Public()), Inherit: true})
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	agent, err := handle.WaitAgent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	way := forwardAs(ctx, t, world.Rest, agent.Pod, int(agent.TunnelPort))
	if way.err != nil {
		t.Fatal(way.err)
	}
	dial := func() (*tunnel.Session, error) {
		return tunnel.Dial(ctx, tunnel.ClientConfig{Key: key, Peer: tunnel.PublicKey(agent.Key), Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", listenOn(way.port))
		}})
	}
	session, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	if err := handle.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-session.Done():
	case <-ctx.Done():
		t.Fatal("its session lives on")
	}
	if again, err := dial(); err == nil {
		_ = again.Close()
		t.Error("the key was let in again")
	}
	waitNothingLeft(ctx, t, shop)
	if ann.may(ctx, t, "create", "pods", "portforward", agent.Pod) {
		t.Error("the way to the agent is still granted")
	}
}
