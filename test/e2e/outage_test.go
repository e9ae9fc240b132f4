package e2e

import (
	"context"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// A transport dies, and the session goes on over the next one: a call that stands at
// a breakpoint meanwhile is answered, though it could not be made again.
func TestPausedCallOutlivesItsTransport(t *testing.T) {
	if !world.Own() {
		t.Skip("ends the API server and cuts its network, which is not done to a cluster of somebody else")
	}
	for _, outage := range []struct {
		name        string
		begin, heal []string
	}{
		{"the API server restarts", []string{"restart", "apiserver"}, nil},
		{"the network is cut", []string{"net", "cut"}, []string{"net", "heal"}},
	} {
		t.Run(outage.name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			e := openEditor(ctx, t)
			path, line := cartSource(t)
			s := debugCart(ctx, t, e, "outage", line)
			startLoad(ctx, t, follow(ctx, t, shop, "cart"), "http://cart/cart/ann")
			stopped, err := s.WaitStopped(ctx)
			if err != nil {
				t.Fatal(err)
			}
			fault(ctx, t, outage.begin)
			if outage.heal != nil {
				t.Cleanup(func() { _ = world.Fault(context.WithoutCancel(ctx), outage.heal...) })
			}
			if _, err := e.WaitState(ctx, s.id, protocol.StateReconnecting); err != nil {
				t.Fatal(err)
			}
			if outage.heal != nil {
				fault(ctx, t, outage.heal)
			}
			if _, err := e.WaitState(ctx, s.id, protocol.StateLive); err != nil {
				t.Fatal(err)
			}
			if err := s.SetBreakpoints(ctx, path); err != nil {
				t.Fatal(err)
			}
			if err := s.Continue(ctx, stopped.Body.ThreadId); err != nil {
				t.Fatal(err)
			}
			waitServedBy(ctx, t, true)
			noneFailed(ctx, t)
			stopSession(ctx, t, e, s.id)
			restored()
			waitNothingLeft(ctx, t, shop)
		})
	}
}

func fault(ctx context.Context, t *testing.T, args []string) {
	t.Helper()
	if err := world.Fault(ctx, args...); err != nil {
		t.Fatal(err)
	}
}

// noneFailed ends the load, which waits for the calls that are under way.
func noneFailed(ctx context.Context, t *testing.T) {
	t.Helper()
	end := askLoad(ctx, t, "DELETE")
	for name, c := range map[string]count{"kept": end.Kept, "new": end.Fresh} {
		if c.Failed > 0 || byWorkstation(c) == 0 {
			t.Errorf("on %s connections %d of %d calls failed, %d were answered here: %+v", name, c.Failed, c.Requests, byWorkstation(c), c.Failures)
		}
	}
}
