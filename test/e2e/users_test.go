package e2e

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// person is a user of the cluster who may nothing but what a test grants.
type person struct {
	name       string
	kubeconfig string
	rest       *rest.Config
	kube       kubernetes.Interface
	dynamic    dynamic.Interface
}

func newPerson(ctx context.Context, t *testing.T, name string) *person {
	t.Helper()
	p := &person{name: unique(name), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	if err := world.User(ctx, p.name, p.kubeconfig); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.rest, err = clientcmd.BuildConfigFromFlags("", p.kubeconfig); err != nil {
		t.Fatal(err)
	}
	if p.kube, err = kubernetes.NewForConfig(p.rest); err != nil {
		t.Fatal(err)
	}
	if p.dynamic, err = dynamic.NewForConfig(p.rest); err != nil {
		t.Fatal(err)
	}
	return p
}

// grant gives the developer role as the operator brings it, narrowed as its comment
// says: its last rule to one Service, and to some verbs.
func (p *person) grant(ctx context.Context, t *testing.T, service string, verbs ...string) {
	t.Helper()
	developer, err := world.Kube.RbacV1().ClusterRoles().Get(ctx, cluster.DeveloperRole, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: p.name, Namespace: shop}, Rules: developer.Rules}
	last := &role.Rules[len(role.Rules)-1]
	if !slices.Contains(last.Verbs, "intercept") {
		t.Fatalf("the developer role's last rule is another one: %+v", last)
	}
	last.ResourceNames, last.Verbs = []string{service}, verbs
	if _, err := world.Kube.RbacV1().Roles(shop).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = world.Kube.RbacV1().Roles(shop).Delete(context.WithoutCancel(ctx), p.name, metav1.DeleteOptions{})
	})
	if err := world.Bind(ctx, shop, p.name, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: p.name}); err != nil {
		t.Fatal(err)
	}
}

func (p *person) open(ctx context.Context, t *testing.T) *servertest.Editor {
	t.Helper()
	return openEditorOf(ctx, t, p.kubeconfig)
}

// serviceOf is a launch of one of the shop's programs at a port that is free here.
func serviceOf(ctx context.Context, t *testing.T, id, name string) *protocol.StartSessionParams {
	t.Helper()
	port := freePort(ctx, t)
	listen := listenOn(port)
	return &protocol.StartSessionParams{
		ID: id, Target: protocol.Target{Namespace: shop, Service: name, LocalPort: port},
		Command: &protocol.Command{Args: []string{filepath.Join(world.Root, "bin", "image", name)}, Env: map[string]*string{"LISTEN": &listen}},
	}
}

// goLive starts a session and waits until it is live.
func goLive(ctx context.Context, t *testing.T, e *servertest.Editor, params *protocol.StartSessionParams) *protocol.SessionInfo {
	t.Helper()
	started, err := e.Server.StartSession(ctx, params)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitState(ctx, params.ID, protocol.StateLive); err != nil {
		t.Fatal(err)
	}
	return &started.Session
}

// paste does what an admin does with the fix of a refusal, and waits until it holds.
func paste(ctx context.Context, t *testing.T, e *servertest.Editor, target protocol.Target, fix *protocol.Fix) {
	t.Helper()
	if fix == nil || fix.YAML == "" {
		t.Fatalf("there is no YAML to paste in %+v", fix)
	}
	t.Logf("an admin pastes:\n%s", fix.YAML)
	if err := world.Apply(ctx, target.Namespace, fix.YAML); err != nil {
		t.Fatal(err)
	}
	err := cluster.Wait(ctx, "the pasted rights to hold", func() (bool, error) {
		found, err := e.Server.Preflight(ctx, &protocol.PreflightParams{Target: target})
		return err == nil && len(found.Diagnostics) == 0, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
