package faults

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// The apps of a stage: app is debugged, bare is the control.
const (
	app  = "app"
	bare = "bare"
)

//go:embed app.yaml
var appYAML string

// stage is where a row plays: a namespace of its own, with the apps, a load on each,
// and an editor with its server.
type stage struct {
	t         *testing.T
	row       *row
	ctx       context.Context
	namespace string
	temporary string
	editor    *servertest.Editor
	// marked is when a fault began, took how long it took to do, excused what may fail by it.
	marked  time.Time
	took    time.Duration
	excused excuse
	// restored is how long after that a Service was as before.
	restored time.Duration
	// ended is what the load has seen, for rows that end it themselves.
	ended counts

	same map[string]func(context.Context) error // by Service
	pids []int                                  // what ran on the workstation below the servers
}

// manifest is an app's, with its node ("" for any) and the arguments of its program.
func manifest(name, node string, args ...string) string {
	return strings.NewReplacer("NAME", name, "NODE", node, "ARGS", strings.Join(args, ", ")).Replace(appYAML)
}

// raise makes the stage of a row: apps, load, editor.
func raise(t *testing.T, r *row) *stage {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout())
	s := &stage{t: t, row: r, ctx: ctx, namespace: fmt.Sprintf("faults-%06x", rand.IntN(1<<24)), same: map[string]func(context.Context) error{}}
	t.Cleanup(func() {
		end, stop := detached(ctx)
		defer stop()
		cancel()
		_ = world.Kube.CoreV1().Namespaces().Delete(end, s.namespace, metav1.DeleteOptions{}) // it may be gone
		if told := suite.Races.Take(); told != "" {
			t.Error(told)
		}
	})
	// Servers take away what killed ones have left, but not those of other rows.
	folder, err := private.New()
	s.must(err)
	s.temporary = folder.Path()
	t.Cleanup(func() {
		if err := folder.Remove(); err != nil {
			t.Error(err)
		}
	})
	if r.standby {
		s.letStandBy()
	}
	s.must(world.Namespace(ctx, s.namespace))
	s.must(world.Grant(ctx, s.namespace, user))
	documents := []string{manifest("load", r.nodes["load"], "load")}
	for _, name := range append(r.apps(), bare) {
		documents = append(documents, manifest(name, r.nodes[name], "serve", `"-linger=2s"`))
	}
	s.must(world.Apply(ctx, s.namespace, strings.Join(documents, "\n---\n")))
	s.must(world.WaitAvailable(ctx, s.namespace))
	for _, name := range append(r.apps(), bare) {
		s.waitReached(name)
		s.remember(name)
		s.startLoad(name)
	}
	s.editor = s.open()
	s.watch()
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// waitReached waits until the nodes know the way to an app.
func (s *stage) waitReached(name string) {
	s.t.Helper()
	s.must(cluster.Wait(s.ctx, "an answer of "+name, func() (bool, error) {
		_, err := s.order(s.ctx, "GET", "ask", map[string][]string{"url": {"http://" + name + "/"}})
		return err == nil, err
	}))
}

// remember remembers a Service as one that is to be like this at the end.
func (s *stage) remember(name string) {
	s.t.Helper()
	same, err := world.Remember(s.ctx, s.namespace, name)
	s.must(err)
	s.same[name] = same
}

// open starts a server as the ordinary user; it is gone when the row ends.
func (s *stage) open(env ...string) *servertest.Editor {
	s.t.Helper()
	e, err := servertest.Start(s.ctx, world.Server, kubeconfig, cluster.Lines(func(text string) { s.t.Log("server:", text) }), append(env, "TMPDIR="+s.temporary)...)
	s.must(err)
	s.t.Cleanup(func() {
		_ = e.Close()
		<-e.Exited()
	})
	return e
}

// program is the app as it runs on the workstation.
func program() []string {
	return []string{filepath.Join(world.Root, "bin", "image", "faultapp"), "serve"}
}

func (s *stage) target(service string) protocol.Target {
	return protocol.Target{Namespace: s.namespace, Service: service, LeaseSeconds: s.row.leaseSeconds()}
}

// begin starts a session that runs a program, without waiting for anything.
func (s *stage) begin(e *servertest.Editor, id, service string, args ...string) error {
	if len(args) == 0 {
		args = program()
	}
	_, err := e.Server.StartSession(s.ctx, &protocol.StartSessionParams{ID: id, Target: s.target(service), Command: &protocol.Command{Args: args}})
	return err
}

// live starts a session, and waits until it is live and has calls.
func (s *stage) live(id, service string, args ...string) {
	s.t.Helper()
	s.must(s.begin(s.editor, id, service, args...))
	s.waitState(id, protocol.StateLive)
	s.waitServed(service, false)
	s.seen(s.editor)
}

// seen remembers the processes of a server: they are to be gone at the end.
func (s *stage) seen(e *servertest.Editor) { s.pids = append(s.pids, cluster.Descendants(e.PID())...) }

func (s *stage) waitState(id string, states ...protocol.State) protocol.SessionInfo {
	s.t.Helper()
	info, err := s.editor.WaitState(s.ctx, id, states...)
	s.must(err)
	return info
}

func (s *stage) stop(id string) *protocol.SessionInfo {
	s.t.Helper()
	result, err := s.editor.Server.StopSession(s.ctx, &protocol.SessionParams{ID: id})
	s.must(err)
	return &result.Session
}

// detached is for what must be done when a row's own time is over.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}

// fault is one of the dev cluster's own.
func (s *stage) fault(args ...string) {
	s.t.Helper()
	s.must(world.Fault(s.ctx, args...))
}

// healed heals the network when the row ends, if it has not done so itself.
func (s *stage) healed() {
	s.t.Cleanup(func() { _ = world.Fault(context.WithoutCancel(s.ctx), "net", "heal") })
}

// pause is how long a fault lasts; nothing is waited for by it.
func (s *stage) pause(d time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
		s.t.Fatal(s.ctx.Err())
	}
}

var interceptResource = schema.GroupVersionResource{Group: "kubetunnel.dev", Version: "v1alpha1", Resource: "intercepts"}

func (s *stage) intercepts() dynamic.ResourceInterface {
	s.t.Helper()
	client, err := dynamic.NewForConfig(world.Rest)
	s.must(err)
	return client.Resource(interceptResource).Namespace(s.namespace)
}

// waitIntercepts waits until there are so many Intercepts.
func (s *stage) waitIntercepts(n int) {
	s.t.Helper()
	s.must(cluster.Wait(s.ctx, fmt.Sprint(n, " Intercepts"), func() (bool, error) {
		list, err := s.intercepts().List(s.ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == n, err
	}))
}

// waitRestored waits until a Service is as it was.
func (s *stage) waitRestored(service string) {
	s.t.Helper()
	s.must(cluster.Wait(s.ctx, "Service "+service+" to be as it was", func() (bool, error) {
		err := s.same[service](s.ctx)
		return err == nil, err
	}))
}

// left is what the row has left behind.
func (s *stage) left(ctx context.Context) ([]string, error) {
	left, err := world.Left(ctx, s.namespace)
	if err != nil {
		return nil, err
	}
	list, err := s.intercepts().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		left = append(left, "intercepts/"+list.Items[i].GetName())
	}
	left = append(left, cluster.Running(s.pids)...)
	for _, same := range s.same {
		if err := same(ctx); err != nil {
			left = append(left, err.Error())
		}
	}
	return left, nil
}
