package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// debuggees is the table of debuggers that speak DAP, each with a program of its
// language, which stands in for cart or is a service of the shop. Each is put through the
// same course; what only one of them has is a test of its own.
var debuggees = map[string]debuggee{
	"debugpy": {
		source: "test/e2e/testdata/debuggers/cart.py", expression: "cents + 1", want: "36", variable: "cents", value: "35",
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return map[string]any{"type": "debugpy", "program": source, "python": os.Getenv("KUBETUNNEL_PYTHON")}
		},
	},
	"delve": {
		source: "examples/shop/cart/main.go", expression: "cart.Total + 1", want: "1056", variable: "cart", value: `main.Cart {Customer: "ann"`, threads: 2,
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return map[string]any{"type": "go", "mode": "debug", "program": filepath.Dir(source), "aFieldOfTheFuture": map[string]any{"on": true}}
		},
	},
	"delve, a test": {
		source: "test/e2e/testdata/debuggers/gotest/cart_test.go", expression: "total * 2", want: "4", variable: "total", value: "2", threads: 2,
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return map[string]any{"type": "go", "mode": "test", "program": filepath.Dir(source), "args": []string{"-test.run", "^TestServe$"}}
		},
	},
	"delve, a binary": {
		source: "examples/shop/cart/main.go", expression: "cart.Total", want: "1055", variable: "cart", value: `main.Cart {Customer: "ann"`, threads: 2,
		launch: func(ctx context.Context, t *testing.T, source string) map[string]any {
			return map[string]any{"type": "go", "mode": "exec", "program": buildGo(ctx, t, filepath.Dir(source))}
		},
	},
	"lldb-dap": {
		source: "test/e2e/testdata/debuggers/cart.cc", expression: "total + 1", want: "(int) $0 = 4", variable: "total", value: "3", threads: 2,
		launch: func(ctx context.Context, t *testing.T, source string) map[string]any {
			return map[string]any{"type": "lldb-dap", "program": compile(ctx, t, "g++", "-g", "-O0", source), "lldbDapPath": os.Getenv("KUBETUNNEL_LLDB_DAP")}
		},
	},
	"lldb-vscode, by a configuration for cppdbg": {
		source: "test/e2e/testdata/debuggers/cart.cc", expression: "total + 1", want: "4", variable: "total", value: "3", threads: 2,
		launch: func(ctx context.Context, t *testing.T, source string) map[string]any {
			return map[string]any{
				"type": "cppdbg", "program": compile(ctx, t, "g++", "-g", "-O0", source), "MIMode": "gdb", "stopAtEntry": false,
				"environment": []any{map[string]string{"name": "STAGE", "value": "test"}}, "externalConsole": false,
			}
		},
	},
	"lldb-dap, Rust": {
		source: "test/e2e/testdata/debuggers/cart.rs", expression: "total + 1", want: "(int) $0 = 4", variable: "total", value: "3", threads: 2,
		launch: func(ctx context.Context, t *testing.T, source string) map[string]any {
			return map[string]any{
				"type": "lldb", "program": compile(ctx, t, "rustc", "--edition=2021", "-g", source), "sourceLanguages": []string{"rust"},
				"lldbDapPath": os.Getenv("KUBETUNNEL_LLDB_DAP"),
			}
		},
	},
	"gdb, named by its command": {
		source: "test/e2e/testdata/debuggers/cart.cc", expression: "print total + 1", want: "$1 = 4\n", variable: "total", value: "3", threads: 2,
		launch: func(ctx context.Context, t *testing.T, source string) map[string]any {
			return map[string]any{
				"type": "gdb", "adapter": []string{os.Getenv("KUBETUNNEL_GDB"), "--interpreter=dap"}, "adapterEnv": "whole",
				"program": compile(ctx, t, "g++", "-g", "-O0", source),
			}
		},
	},
	"debugpy, Flask": {
		service: "reviews", url: reviews, source: "examples/shop/reviews/app.py", port: "FLASK_RUN_PORT", threads: 2,
		expression: "stars", want: "[5, 4]", variable: "average", value: "4.5", answer: `"moderation":"strict"`,
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return python(source, "flask", map[string]string{"FLASK_APP": "app.py"}, "run", "--no-debugger", "--no-reload")
		},
	},
	"debugpy, Flask with its reloader": {
		service: "reviews", url: reviews, source: "examples/shop/reviews/app.py", port: "FLASK_RUN_PORT", children: true, threads: 2,
		expression: "stars", want: "[5, 4]", variable: "average", value: "4.5", answer: `"moderation":"strict"`,
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return python(source, "flask", map[string]string{"FLASK_APP": "app.py", "FLASK_DEBUG": "1"}, "run", "--no-debugger")
		},
	},
	"debugpy, FastAPI with uvicorn's reloader": {
		source: "test/e2e/testdata/debuggers/asgi_cart.py", port: "UVICORN_PORT", children: true, threads: 2,
		expression: "cents + 1", want: "281", variable: "customer", value: "'ann'",
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			return python(source, "uvicorn", nil, "asgi_cart:app", "--reload")
		},
	},
	"js-debug, Express in TypeScript": {
		service: "recommendations", url: recommendations, source: "build/shop/recommendations/src/server.ts", children: true,
		expression: "items.length + 1", want: "3", variable: "items", value: "(2) ['honey', 'tea']", answer: `"season":"harvest"`,
		launch: func(_ context.Context, _ *testing.T, source string) map[string]any {
			launch := express(source)
			launch["type"], launch["jsDebugPath"] = "js-debug", os.Getenv("KUBETUNNEL_JS_DEBUG")
			return launch
		},
	},
	"js-debug in the editor, Express in TypeScript": {
		service: "recommendations", url: recommendations, source: "build/shop/recommendations/src/server.ts", children: true,
		expression: "items.length + 1", want: "3", variable: "items", value: "(2) ['honey', 'tea']", answer: `"season":"harvest"`,
		adapter: startJSDebug,
		launch:  func(_ context.Context, _ *testing.T, source string) map[string]any { return express(source) },
	},
}

// compile compiles a source file, and gives the program.
func compile(ctx context.Context, t *testing.T, compiler ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "cart")
	args := append(compiler[1:], "-o", binary)
	if out, err := exec.CommandContext(ctx, compiler[0], args...).CombinedOutput(); err != nil { //nolint:gosec // a compiler
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// buildGo builds a package for its debugger.
func buildGo(ctx context.Context, t *testing.T, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "cart")
	cmd := exec.CommandContext(ctx, "go", "build", "-gcflags=all=-N -l", "-o", binary, ".")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func TestDebuggersStopAtACallOfTheCluster(t *testing.T) {
	for name, d := range debuggees {
		t.Run(name, func(t *testing.T) {
			d.open(t)
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
