package e2e

import (
	"context"
	"fmt"
	"path/filepath"
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

// A connection that a caller keeps to the agent goes with the session: it is answered
// by the workstation while that serves, by the origin while the program is started
// again and after the stop. The load begins when the session is live, since connections
// from before are not the agent's.
func TestKeptConnectionMovesToTheWorkstationAndBack(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	line := follow(ctx, t, shop, "cart")
	runSlowCart(ctx, t, e, "moves")
	waitServedBy(ctx, t, true)
	startLoad(ctx, t, line, "http://cart/healthz")
	answeredOnKept(ctx, t, true, nil)
	for range 3 {
		before := askLoad(ctx, t, "GET")
		line.note("test: the program is started again")
		if _, err := e.Server.RestartSession(ctx, &protocol.SessionParams{ID: "moves"}); err != nil {
			t.Fatal(err)
		}
		answeredOnKept(ctx, t, false, before)
		answeredOnKept(ctx, t, true, nil)
	}
	line.note("test: the session is told to stop")
	ended := stopSession(ctx, t, e, "moves")
	waitNothingLeft(ctx, t, shop)
	stats := askLoad(ctx, t, "DELETE")
	for kind, c := range map[string]count{"kept": stats.Kept, "new": stats.Fresh} {
		if c.Failed > 0 || c.Requests == 0 {
			t.Errorf("%d of %d requests on %s connections failed, served by %v\n%s", c.Failed, c.Requests, kind, c.ServedBy, line.around(kind, c))
		}
	}
	// Away and back three times, and away at the end; a call may be on another one.
	if stats.Kept.Moved < 4 {
		t.Errorf("kept connections moved %d times\n%s", stats.Kept.Moved, line.around("kept", stats.Kept))
	}
	served := byWorkstation(stats.Kept) + byWorkstation(stats.Fresh)
	if r := ended.Receipt; r == nil || r.Traffic.Requests < served {
		t.Errorf("%d requests were served here; receipt %+v", served, r)
	}
	t.Logf("%d requests on kept connections, %d on new ones; moved %d times", stats.Kept.Requests, stats.Fresh.Requests, stats.Kept.Moved)
	restored()
}

// runSlowCart is runCart of a program that listens after a second: until then the
// origin serves.
func runSlowCart(ctx context.Context, t *testing.T, e *servertest.Editor, id string) {
	t.Helper()
	port := freePort(ctx, t)
	listen := listenOn(port)
	cart := filepath.Join(world.Root, "bin", "image", "cart")
	if _, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: id, Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: port},
		Command: &protocol.Command{Args: []string{"/bin/sh", "-c", "sleep 1; exec " + cart}, Env: map[string]*string{"LISTEN": &listen}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.WaitState(ctx, id, protocol.StateLive); err != nil {
		t.Fatal(err)
	}
}

// answeredOnKept waits for an answer of that side on a kept connection, later than before.
func answeredOnKept(ctx context.Context, t *testing.T, workstation bool, before *loadStats) {
	t.Helper()
	by := func(c count) int64 {
		if workstation {
			return byWorkstation(c)
		}
		return c.Requests - c.Failed - byWorkstation(c)
	}
	if before == nil {
		before = askLoad(ctx, t, "GET")
	}
	err := cluster.Wait(ctx, fmt.Sprintf("an answer on a kept connection, by the workstation: %v", workstation), func() (bool, error) {
		return by(askLoad(ctx, t, "GET").Kept) > by(before.Kept), nil
	})
	if err != nil {
		t.Fatal(err)
	}
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
