package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// testTimeout is for a condition that never comes; no test measures time.
const testTimeout = 2 * time.Minute

// testContext ends a test that waits in vain. When all of the test is gone, races
// that its servers have seen fail it.
func testContext(t *testing.T) context.Context {
	t.Helper()
	t.Cleanup(func() {
		if told := suite.Races.Take(); told != "" {
			t.Error(told)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// openEditor starts a tunnel-server as the ordinary user. It is gone when the test ends.
func openEditor(ctx context.Context, t *testing.T, env ...string) *servertest.Editor {
	t.Helper()
	return openEditorOf(ctx, t, kubeconfig, env...)
}

// openEditorOf is openEditor as the user of a kubeconfig.
func openEditorOf(ctx context.Context, t *testing.T, kubeconfig string, env ...string) *servertest.Editor {
	t.Helper()
	e, err := servertest.Start(ctx, world.Server, kubeconfig, cluster.Lines(func(s string) { t.Log("server:", s) }), env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = e.Close()
		<-e.Exited()
	})
	return e
}

func codeOf(err error) protocol.ErrorCode {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
