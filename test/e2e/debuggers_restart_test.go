package e2e

import (
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// A debugger that can restart its program does so in the session, on the same connection.
func TestDebuggersRestartTheirProgramsInTheSession(t *testing.T) {
	// Delve asks for the breakpoints anew, lldb-dap keeps them.
	for name, configured := range map[string]bool{"delve": true, "lldb-dap": false} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			d := debuggees[name]
			restored := remember(ctx, t, shop, d.stoodIn())
			e := openEditor(ctx, t)
			s := d.start(ctx, t, e, name)
			s.attach(ctx, t, e)
			if _, err := e.Server.RestartSession(ctx, &protocol.SessionParams{ID: name}); err != nil {
				t.Fatal(err)
			}
			if configured {
				if _, err := s.Event(ctx, "initialized"); err != nil {
					t.Fatal(err)
				}
				if err := s.SetBreakpoints(ctx, s.path, s.line); err != nil {
					t.Fatal(err)
				}
				if err := s.ConfigurationDone(ctx); err != nil {
					t.Fatal(err)
				}
			}
			s.stopAtCall(ctx, t)
			stopSession(ctx, t, e, name)
			restored()
			d.waitOrigin(ctx, t)
			waitNothingLeft(ctx, t, shop)
		})
	}
}
