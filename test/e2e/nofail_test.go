package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// No request fails because of us, on a new connection or a kept one. A call that
// fails is told with all that happened around it.
func TestNoConnectionFailsAtStartAndStopOfADebugger(t *testing.T) {
	noConnectionFails(t, func(ctx context.Context, t *testing.T, e *servertest.Editor, id string) { debugCart(ctx, t, e, id) })
}

func TestNoConnectionFailsAtStartAndStopOfAProgram(t *testing.T) {
	noConnectionFails(t, runCart)
}

func noConnectionFails(t *testing.T, start func(context.Context, *testing.T, *servertest.Editor, string)) {
	t.Helper()
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	line := follow(ctx, t, shop, "cart")
	startLoad(ctx, t, line, "http://cart/healthz")
	for _, id := range []string{"one", "two"} {
		line.note("test: session " + id + " starts")
		start(ctx, t, e, id)
		line.note("test: session " + id + " is live")
		stopUnderLoad(ctx, t, e, line, id)
	}
	waitNothingLeft(ctx, t, shop) // the agent's end is the last that could cut something
	line.note("test: nothing is left of the sessions")
	stats := askLoad(ctx, t, "DELETE")
	for kind, c := range map[string]count{"kept": stats.Kept, "new": stats.Fresh} {
		if c.Failed > 0 || c.Requests == 0 {
			t.Errorf("%d of %d requests on %s connections failed, %d were slow, served by %v\n%s",
				c.Failed, c.Requests, kind, c.Slow, c.ServedBy, line.around(kind, c))
		}
	}
	t.Logf("%d requests on kept connections, %d on new ones", stats.Kept.Requests, stats.Fresh.Requests)
	restored()
}

// stopUnderLoad stops a session that the load has reached.
func stopUnderLoad(ctx context.Context, t *testing.T, e *servertest.Editor, line *timeline, id string) {
	t.Helper()
	before := byWorkstation(askLoad(ctx, t, "GET").Fresh)
	err := cluster.Wait(ctx, "the load to reach the workstation", func() (bool, error) {
		return byWorkstation(askLoad(ctx, t, "GET").Fresh) > before, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	line.note("test: session " + id + " is told to stop")
	ended := stopSession(ctx, t, e, id)
	line.note(fmt.Sprintf("test: session %s has stopped; its receipt: %+v", id, ended.Receipt))
	for _, s := range ended.Stages {
		if s.Stage == protocol.StageDrain || s.Stage == protocol.StageRestore {
			line.note(fmt.Sprintf("test: its stage %s took %d ms", s.Stage, s.EndedMillis-s.BeganMillis))
		}
	}
}
