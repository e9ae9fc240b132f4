package e2e

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Two Services are debugged at once, in two languages, by one editor: a call stops in the
// first, then in the second, and either session ends without the other.
func TestDebuggersOfTwoLanguagesShareACall(t *testing.T) {
	ctx := testContext(t)
	restoredWeb, restoredCart := remember(ctx, t, shop, "web"), remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	web := debuggee{
		service: "web", url: "http://web/ann", source: "examples/shop/web/main.go",
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return map[string]any{"type": "go", "mode": "debug", "program": filepath.Dir(source)}
		},
	}
	front, back := web.start(ctx, t, e, "front"), debuggees["debugpy"].start(ctx, t, e, "back")
	front.attach(ctx, t, e)
	back.attach(ctx, t, e)

	answered := front.callAside(ctx)
	inFront, frame := front.stopped(ctx, t, front.line)
	if value, err := front.Evaluate(ctx, frame.Id, "r.URL.Path"); err != nil || value != `"/ann"` {
		t.Errorf("r.URL.Path is %s, %v", value, err)
	}
	if err := front.SetBreakpoints(ctx, front.path); err != nil {
		t.Fatal(err)
	}
	if err := front.Continue(ctx, inFront.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	inBack, frame := back.stopped(ctx, t, back.line)
	if value, err := back.Evaluate(ctx, frame.Id, "cents"); err != nil || value != "35" {
		t.Errorf("cents is %s, %v", value, err)
	}
	if err := back.SetBreakpoints(ctx, back.path); err != nil {
		t.Fatal(err)
	}
	if err := back.Continue(ctx, inBack.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}

	stopSession(ctx, t, e, "back")
	restoredCart()
	back.waitOrigin(ctx, t)
	if state := e.Session("front").State; state != protocol.StateLive {
		t.Errorf("the other session is %s", state)
	}
	if err := <-front.callAside(ctx); err != nil {
		t.Error(err)
	}
	stopSession(ctx, t, e, "front")
	restoredWeb()
	front.waitOrigin(ctx, t)
	waitNothingLeft(ctx, t, shop)
}
