package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// debuggees is the table of debuggers that live in the session, each with a program of its
// language, which stands in for cart or is a service of the shop. Each is put through the
// same course; what only one of them has is a test of its own.
var debuggees = map[string]debuggee{
	"debugpy": {
		source: "test/e2e/testdata/debuggers/cart.py", expression: "cents + 1", want: "36", variable: "cents", value: "35",
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return map[string]any{"type": "debugpy", "program": source, "python": os.Getenv("KUBETUNNEL_PYTHON")}
		},
	},
	"lldb-dap": {
		source: "test/e2e/testdata/debuggers/cart.cc", expression: "total + 1", want: "(int) $0 = 4", variable: "total", value: "3",
		launch: func(ctx context.Context, t *testing.T, source string) map[string]any {
			binary := filepath.Join(t.TempDir(), "cart")
			if out, err := exec.CommandContext(ctx, "g++", "-g", "-O0", "-o", binary, source).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return map[string]any{"type": "lldb-dap", "program": binary}
		},
	},
}

func TestDebuggersStopAtACallOfTheCluster(t *testing.T) {
	for name, d := range debuggees {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, d.stoodIn())
			e := openEditor(ctx, t)
			s := d.start(ctx, t, e, name)
			s.attach(ctx, t, e)
			s.stopAtCall(ctx, t)
			s.restart(ctx, t, e)
			s.stopAtCall(ctx, t)
			stopSession(ctx, t, e, name)
			restored()
			d.waitOrigin(ctx, t)
			waitNothingLeft(ctx, t, shop)
		})
	}
}
