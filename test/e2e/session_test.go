package e2e

import (
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestF5HitsABreakpointAndStopPutsEverythingBack(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	_, line := cartSource(t)
	d, _ := debugCart(ctx, t, e, "f5", line)
	answers := make(chan *cartAnswer, 1)
	failed := make(chan error, 1)
	go func() {
		// The first calls may come before kube-proxy has followed the switch.
		var a *cartAnswer
		err := cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
			var err error
			if a, err = callCart(ctx); err != nil {
				return true, err
			}
			return here(ctx, a)
		})
		if err != nil {
			failed <- err
			return
		}
		answers <- a
	}()
	stopped, err := d.WaitStopped(ctx)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := d.Stack(ctx, stopped.Body.ThreadId)
	if err != nil || len(frames) == 0 || frames[0].Line != line || frames[0].Name != "main.handleCart" {
		t.Fatalf("stack %+v, %v", frames, err)
	}
	if total, err := d.Evaluate(ctx, frames[0].Id, "cart.Total"); err != nil || total != "1055" {
		t.Errorf("cart.Total is %s, %v", total, err)
	}
	path, _ := cartSource(t)
	if err := d.SetBreakpoints(ctx, path); err != nil {
		t.Fatal(err)
	}
	if err := d.Continue(ctx, stopped.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		t.Fatal(err)
	case a := <-answers:
		for name, want := range map[string]string{"currency": "EUR", "region": "eu-north", "token": "13 characters", "edition": "harvest", "banner": "Three for two on apples today"} {
			if a.Settings[name] != want {
				t.Errorf("%s is %q, in the pod %q", name, a.Settings[name], want)
			}
		}
	}
	result, err := e.Server.StopSession(ctx, &protocol.SessionParams{ID: "f5"})
	if err != nil {
		t.Fatal(err)
	}
	if r := result.Session.Receipt; result.Session.State != protocol.StateEnded || r == nil || !r.Restored {
		t.Errorf("state %s (%s), receipt %+v", result.Session.State, result.Session.Reason, r)
	}
	restored()
	waitServedBy(ctx, t, false)
	waitNothingLeft(ctx, t, shop)
	again, err := e.Server.StopSession(ctx, &protocol.SessionParams{ID: "f5"})
	if err != nil || again.Session.State != protocol.StateEnded {
		t.Errorf("a second stop: %+v, %v", again, err)
	}
	if code, err := e.Quit(ctx); err != nil || code != 0 {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestRestartByTheEditorKeepsTheIntercept(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	d, started := debugCart(ctx, t, e, "restart")
	waitServedBy(ctx, t, true)
	if err := d.Disconnect(ctx, true); err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
	waitServedBy(ctx, t, false) // the origin serves while there is no debuggee
	attach(ctx, t, e, "restart", started.DAP)
	waitServedBy(ctx, t, true)
	if now := e.Session("restart").Intercept; now != started.Session.Intercept {
		t.Errorf("another Intercept: %s, was %s", now, started.Session.Intercept)
	}
	if _, err := e.Server.StopSession(ctx, &protocol.SessionParams{ID: "restart"}); err != nil {
		t.Fatal(err)
	}
	restored()
}

func TestSessionEndsWithItsDebugSession(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, server int){
		"adapter killed": func(t *testing.T, server int) { killOne(t, server, "dlv dap") },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			e := openEditor(ctx, t)
			_, _ = debugCart(ctx, t, e, "end")
			pids := descendants(e.PID())
			end(t, e.PID())
			if _, err := e.WaitState(ctx, "end", protocol.StateEnded, protocol.StateFailed); err != nil {
				t.Fatal(err)
			}
			restored()
			waitGone(ctx, t, pids)
		})
	}
	t.Run("editor disconnects", func(t *testing.T) {
		ctx := testContext(t)
		restored := remember(ctx, t, shop, "cart")
		e := openEditor(ctx, t)
		d, _ := debugCart(ctx, t, e, "end")
		pids := descendants(e.PID())
		if err := d.Disconnect(ctx, false); err != nil {
			t.Fatal(err)
		}
		if _, err := e.WaitState(ctx, "end", protocol.StateEnded); err != nil {
			t.Fatal(err)
		}
		restored()
		waitGone(ctx, t, pids)
	})
}

func killOne(t *testing.T, server int, command string) {
	t.Helper()
	for _, pid := range descendants(server) {
		if strings.Contains(commandOf(pid), command) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no process %q below the server", command)
}

func TestEditorGoneEndsEverything(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	_, _ = debugCart(ctx, t, e, "gone")
	pids := append(descendants(e.PID()), e.PID())
	_ = e.Close()
	<-e.Exited()
	restored()
	waitGone(ctx, t, pids)
	waitNothingLeft(ctx, t, shop)
}

func TestKilledServerLeavesNoProcessAndTheServiceComesBack(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	_, started := debugCart(ctx, t, e, "killed")
	pids := append(descendants(e.PID()), e.PID())
	if len(pids) < 3 {
		t.Fatalf("only %d processes: no debugger, no debuggee", len(pids))
	}
	if err := e.Process().Kill(); err != nil {
		t.Fatal(err)
	}
	restored()
	waitServedBy(ctx, t, false)
	waitGone(ctx, t, pids)
	// Its lease would end it in a minute; the test does not wait for that.
	d := dynamicClient(t)
	if err := d.Resource(interceptResource).Namespace(shop).Delete(ctx, started.Session.Intercept, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waitNothingLeft(ctx, t, shop)
}

func TestInterceptDeletedInMidSessionEndsIt(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	_, started := debugCart(ctx, t, e, "deleted")
	if err := dynamicClient(t).Resource(interceptResource).Namespace(shop).Delete(ctx, started.Session.Intercept, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := e.WaitState(ctx, "deleted", protocol.StateFailed)
	if err != nil || info.Error == nil || info.Error.Code != protocol.CodeInterceptGone {
		t.Errorf("%+v, %v", info, err)
	}
	restored()
	waitNothingLeft(ctx, t, shop)
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	if _, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "cancel", Target: cartTarget(), Launch: launchCart(t)}); err != nil {
		t.Fatal(err)
	}
	// Before the agent is up, and before an editor has spoken to the debugger.
	if _, err := e.Server.StopSession(ctx, &protocol.SessionParams{ID: "cancel"}); err != nil {
		t.Fatal(err)
	}
	restored()
	waitNothingLeft(ctx, t, shop)
	if left := descendants(e.PID()); len(left) > 0 {
		waitGone(ctx, t, left)
	}
}
