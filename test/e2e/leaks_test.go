package e2e

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// A server that has had a session has no goroutine more than one that had none.
func TestSessionsLeaveNoGoroutineInTheServer(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	without := goroutines(ctx, t, func(*servertest.Editor) {})
	with := goroutines(ctx, t, func(e *servertest.Editor) {
		for _, id := range []string{"one", "two"} {
			pids := cluster.Descendants(e.PID())
			s := debugCart(ctx, t, e, id)
			waitServedBy(ctx, t, true)
			stopSession(ctx, t, e, s.id)
			waitNothingLeft(ctx, t, shop)
			if len(pids) > 0 {
				t.Errorf("processes %v are left of the session before", pids)
			}
		}
	})
	for where, stacks := range with {
		if len(stacks) > len(without[where]) {
			t.Errorf("%d goroutines, without a session %d:\n%s", len(stacks), len(without[where]), stacks[0])
		}
	}
	if len(without) == 0 {
		t.Error("no goroutine of ours was told at all")
	}
	restored()
}

// goroutines are those of a server, after some use of it: SIGQUIT lets Go's runtime tell them.
func goroutines(ctx context.Context, t *testing.T, use func(*servertest.Editor)) map[string][]string {
	t.Helper()
	var told bytes.Buffer
	e, err := servertest.Start(ctx, world.Server, kubeconfig, &told)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if _, err := e.Server.ListServices(ctx, &protocol.ListServicesParams{Namespace: shop}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Server.Preflight(ctx, &protocol.PreflightParams{Target: protocol.Target{Namespace: shop, Service: "cart"}}); err != nil {
		t.Fatal(err)
	}
	use(e)
	if err := e.Process().Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-e.Exited()
	return byOrigin(told.String())
}

var ourFunction = regexp.MustCompile(`(?m)^(?:created by )?github\.com/kubetunnel/kubetunnel/[^\s(]*`)

// byOrigin sorts stacks with our code in them by the function of ours that began them.
func byOrigin(dump string) map[string][]string {
	found := map[string][]string{}
	for _, stack := range strings.Split(dump, "\n\n") {
		functions := ourFunction.FindAllString(stack, -1)
		if strings.HasPrefix(stack, "goroutine ") && len(functions) > 0 {
			first := functions[len(functions)-1]
			found[first] = append(found[first], stack)
		}
	}
	return found
}
