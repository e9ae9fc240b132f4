package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestEditorThatDisconnectsEndsTheSession(t *testing.T) {
	sessionEnds(t, func(ctx context.Context, t *testing.T, _ *servertest.Editor, s *session) {
		if err := s.Disconnect(ctx, false); err != nil {
			t.Fatal(err)
		}
	})
}

func TestKilledAdapterEndsTheSession(t *testing.T) {
	sessionEnds(t, func(_ context.Context, t *testing.T, e *servertest.Editor, _ *session) {
		killOne(t, e.PID(), "dlv dap")
	})
}

// sessionEnds ends a session in some way, and looks that the server goes on without anything of it.
func sessionEnds(t *testing.T, end func(context.Context, *testing.T, *servertest.Editor, *session)) {
	t.Helper()
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	s := debugCart(ctx, t, e, "end")
	pids := cluster.Descendants(e.PID())
	end(ctx, t, e, s)
	if _, err := e.WaitState(ctx, s.id, protocol.StateEnded, protocol.StateFailed); err != nil {
		t.Fatal(err)
	}
	waitOver(ctx, t, restored, pids)
}

// waitOver waits until a session's Service is as it was, its processes are gone, and
// nothing of the operator's is left in the shop.
func waitOver(ctx context.Context, t *testing.T, restored func(), pids []int) {
	t.Helper()
	restored()
	waitGone(ctx, t, pids)
	waitNothingLeft(ctx, t, shop)
}

func TestEditorGoneEndsEverything(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	debugCart(ctx, t, e, "gone")
	pids := append(cluster.Descendants(e.PID()), e.PID())
	_ = e.Close()
	<-e.Exited()
	waitOver(ctx, t, restored, pids)
}

func TestKilledServerLeavesNoProcessAndTheServiceComesBack(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	temporary := shortFolder(t)
	e := openEditor(ctx, t, "TMPDIR="+temporary)
	debugCart(ctx, t, e, "killed")
	pids := append(cluster.Descendants(e.PID()), e.PID())
	if len(pids) < 3 {
		t.Fatalf("only %d processes: no debugger, no debuggee", len(pids))
	}
	if err := e.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	restored()
	waitServedBy(ctx, t, false)
	waitGone(ctx, t, pids)
	// Its folder and its Intercept, which would go with the lease, go with the next start, and that one's own with its end.
	if left := sessionFolders(t, temporary); len(left) != 1 {
		t.Errorf("folders of the killed server: %v", left)
	}
	next := openEditor(ctx, t, "TMPDIR="+temporary)
	waitNothingLeft(ctx, t, shop)
	if code, err := next.Quit(ctx); err != nil || code != 0 {
		t.Errorf("exit code %d, %v", code, err)
	}
	if left := sessionFolders(t, temporary); len(left) > 0 {
		t.Errorf("after the next start and end: %v", left)
	}
}

// sessionFolders are the private folders of servers among those temporary files.
func sessionFolders(t *testing.T, temporary string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(temporary, "kubetunnel-run-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shortFolder is a folder for the test, whose name leaves room for that of a Unix socket.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestInterceptDeletedInMidSessionEndsIt(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	s := debugCart(ctx, t, e, "deleted")
	if err := dynamicClient(t).Resource(interceptResource).Namespace(shop).Delete(ctx, s.intercept, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := e.WaitState(ctx, "deleted", protocol.StateFailed)
	if err != nil || info.Error == nil || info.Error.Code != protocol.CodeInterceptGone {
		t.Errorf("%+v, %v", info, err)
	}
	restored()
	waitNothingLeft(ctx, t, shop)
}
