package e2e

import (
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestF5HitsABreakpointAndStopPutsEverythingBack(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	path, line := cartSource(t)
	s := debugCart(ctx, t, e, "f5", line)
	answered := make(chan error, 1)
	var answer *cartAnswer
	go func() {
		// The first calls may come before kube-proxy has followed the switch.
		answered <- cluster.Wait(ctx, "an answer of the workstation", func() (ok bool, err error) {
			answer, err = callCart(ctx)
			return err == nil && cluster.AtWorkstation(answer.ServedBy), err
		})
	}()
	stopped, err := s.WaitStopped(ctx)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := s.Stack(ctx, stopped.Body.ThreadId)
	if err != nil || len(frames) == 0 || frames[0].Line != line || frames[0].Name != "main.handleCart" {
		t.Fatalf("stack %+v, %v", frames, err)
	}
	if total, err := s.Evaluate(ctx, frames[0].Id, "cart.Total"); err != nil || total != "1055" {
		t.Errorf("cart.Total is %s, %v", total, err)
	}
	if err := s.SetBreakpoints(ctx, path); err != nil {
		t.Fatal(err)
	}
	if err := s.Continue(ctx, stopped.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	inPod := map[string]string{"currency": "EUR", "region": "eu-north", "token": "13 characters", "edition": "harvest", "banner": "Three for two on apples today", "identity": "system:serviceaccount:" + shop + ":default"}
	for name, want := range inPod {
		if answer.Settings[name] != want {
			t.Errorf("%s is %q, in the pod %q", name, answer.Settings[name], want)
		}
	}
	ended := stopSession(ctx, t, e, s.id)
	if r := ended.Receipt; ended.State != protocol.StateEnded || r == nil || !r.Restored {
		t.Errorf("state %s (%s), receipt %+v", ended.State, ended.Reason, r)
	}
	restored()
	waitServedBy(ctx, t, false)
	waitNothingLeft(ctx, t, shop)
	if again := stopSession(ctx, t, e, s.id); again.State != protocol.StateEnded {
		t.Errorf("a second stop: %+v", again)
	}
	if code, err := e.Quit(ctx); err != nil || code != 0 {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestRestartByTheEditorKeepsTheIntercept(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	s := debugCart(ctx, t, e, "restart")
	waitServedBy(ctx, t, true)
	if err := s.Disconnect(ctx, true); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	waitServedBy(ctx, t, false) // the origin serves while there is no debuggee
	s.attach(ctx, t, e)
	waitServedBy(ctx, t, true)
	if now := e.Session("restart").Intercept; now != s.intercept {
		t.Errorf("another Intercept: %s, was %s", now, s.intercept)
	}
	stopSession(ctx, t, e, "restart")
	restored()
}
