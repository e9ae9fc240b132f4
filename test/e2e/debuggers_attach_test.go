package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// A program that runs in the session before its debugger comes: `tunnel-server exec` has
// started it there, perhaps with its debug server.
var attached = map[string]struct {
	debuggee
	// program is what is started, given the source, and the configuration is made for it.
	program       func(ctx context.Context, t *testing.T, source string) []string
	configuration map[string]any
}{
	"delve, a process": {
		debuggee: debuggees["delve"], configuration: map[string]any{"type": "go", "mode": "local", "processId": "cart"},
		program: func(ctx context.Context, t *testing.T, source string) []string {
			return []string{buildGo(ctx, t, filepath.Dir(source))}
		},
	},
	"dlv --headless": {
		debuggee: debuggees["delve"], configuration: map[string]any{"type": "go", "mode": "remote", "host": "127.0.0.1", "port": 2345},
		program: func(ctx context.Context, t *testing.T, source string) []string {
			return []string{"dlv", "exec", "--headless", "--listen=127.0.0.1:2345", buildGo(ctx, t, filepath.Dir(source))}
		},
	},
	"debugpy --listen": {
		debuggee: debuggees["debugpy"], configuration: map[string]any{"type": "debugpy", "connect": map[string]any{"host": "localhost", "port": 5678}},
		program: func(_ context.Context, _ *testing.T, source string) []string {
			return []string{os.Getenv("KUBETUNNEL_PYTHON"), "-m", "debugpy", "--listen", "127.0.0.1:5678", source}
		},
	},
	"debugpy, a process": {
		debuggee: debuggees["debugpy"], configuration: map[string]any{"type": "debugpy", "python": os.Getenv("KUBETUNNEL_PYTHON"), "processId": "cart.py"},
		program: func(_ context.Context, _ *testing.T, source string) []string {
			return []string{os.Getenv("KUBETUNNEL_PYTHON"), source}
		},
	},
	"debugpy --connect": {
		debuggee: debuggees["debugpy"], configuration: map[string]any{"type": "debugpy", "python": os.Getenv("KUBETUNNEL_PYTHON"), "listen": map[string]any{"host": "127.0.0.1", "port": 5679}},
		program: func(_ context.Context, _ *testing.T, source string) []string {
			// It gives up when nobody listens yet.
			return []string{"sh", "-c", `until "$0" -m debugpy --connect 127.0.0.1:5679 "$1"; do sleep 0.2; done`, os.Getenv("KUBETUNNEL_PYTHON"), source}
		},
	},
	"lldb-dap, a debug server": {
		debuggee: debuggees["lldb-dap"], configuration: map[string]any{"type": "lldb-dap", "gdb-remote-port": 1234, "lldbDapPath": os.Getenv("KUBETUNNEL_LLDB_DAP")},
		program: func(ctx context.Context, t *testing.T, source string) []string {
			server := filepath.Join(filepath.Dir(os.Getenv("KUBETUNNEL_LLDB_DAP")), "lldb-server")
			return []string{server, "gdbserver", "127.0.0.1:1234", "--", compile(ctx, t, "g++", "-g", "-O0", source)}
		},
	},
	"lldb-dap, a process": {
		debuggee: debuggees["lldb-dap"], configuration: map[string]any{"type": "lldb-dap", "pid": "cart", "lldbDapPath": os.Getenv("KUBETUNNEL_LLDB_DAP")},
		program: func(ctx context.Context, t *testing.T, source string) []string {
			return []string{compile(ctx, t, "g++", "-g", "-O0", source)}
		},
	},
}

func TestDebuggersAttachToWhatRunsInTheSession(t *testing.T) {
	for name, a := range attached {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			// By GDB debugpy gets into a process that runs already.
			e := openEditor(ctx, t, "PATH="+os.Getenv("PATH")+string(os.PathListSeparator)+filepath.Dir(os.Getenv("KUBETUNNEL_GDB")))
			a.launch = func(context.Context, *testing.T, string) map[string]any {
				a.configuration["request"] = "attach"
				return a.configuration
			}
			s := a.start(ctx, t, e, name)
			program := execute(ctx, append([]string{"--session", name, "--"}, a.program(ctx, t, s.path)...)...)
			program.Env = append(os.Environ(), "LISTEN="+s.listen)
			program.Stdout, program.Stderr = os.Stdout, os.Stderr
			if err := program.Start(); err != nil {
				t.Fatal(err)
			}
			s.attach(ctx, t, e)
			s.stopAtCall(ctx, t)
			stopSession(ctx, t, e, name)
			_ = program.Wait() // it has ended with its session, by a signal
			restored()
			a.waitOrigin(ctx, t)
			waitNothingLeft(ctx, t, shop)
		})
	}
}

// exposedServers are debug servers of programs, started by `tunnel-server run --expose`.
var exposedServers = map[string]struct {
	debuggee
	// program is what is started, given the source and the port to expose.
	program func(ctx context.Context, t *testing.T, source string, port int) []string
	// listening is in its output once it can be attached to.
	listening string
	// configuration is the editor's own, given where the port is on the workstation.
	configuration func(port int) map[string]any
}{
	"dlv --headless": {
		debuggee: debuggees["delve"], listening: "API server listening",
		program: func(ctx context.Context, t *testing.T, source string, port int) []string {
			return []string{"dlv", "exec", "--headless", "--listen=" + listenOn(port), buildGo(ctx, t, filepath.Dir(source))}
		},
		configuration: func(int) map[string]any { return map[string]any{"type": "go", "request": "attach", "mode": "remote"} },
	},
	"debugpy --listen": {
		debuggee: debuggees["debugpy"], listening: "wait_for_client",
		program: func(_ context.Context, _ *testing.T, source string, port int) []string {
			return []string{os.Getenv("KUBETUNNEL_PYTHON"), "-m", "debugpy", "--log-to-stderr", "--wait-for-client", "--listen", listenOn(port), source}
		},
		configuration: func(int) map[string]any { return map[string]any{"type": "debugpy", "request": "attach"} },
	},
	"node --inspect-brk": {
		debuggee: debuggee{
			source: "test/e2e/testdata/debuggers/cart.js", children: true, adapter: startJSDebug,
			expression: "answer.currency + 1", want: "'EUR1'", variable: "answer", value: "{servedBy:",
		},
		listening: "Debugger listening on",
		program: func(_ context.Context, _ *testing.T, source string, port int) []string {
			return []string{"node", "--inspect-brk=" + listenOn(port), source}
		},
		configuration: func(port int) map[string]any {
			return map[string]any{"type": "pwa-node", "request": "attach", "address": "127.0.0.1", "port": port, "continueOnAttach": true}
		},
	},
}

// An editor's own debugger attaches to a debug server in a session without one, by the
// port that is exposed.
func TestDebuggersOutsideReachAServerThatIsExposed(t *testing.T) {
	for name, x := range exposedServers {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			e := openEditor(ctx, t)
			s := &debugged{debuggee: x.debuggee, id: "exposed"}
			s.path, s.line = breakpointIn(t, filepath.Join(world.Root, s.source))
			debugPort, port := freePort(ctx, t), freePort(ctx, t)
			listen := listenOn(port)
			_, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
				ID: s.id, Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: port},
				Command: &protocol.Command{Args: x.program(ctx, t, s.path, debugPort), Env: map[string]*string{"LISTEN": &listen}, Expose: []int{debugPort}},
			})
			if err != nil {
				t.Fatal(err)
			}
			info, err := e.WaitState(ctx, s.id, protocol.StateReady)
			if err != nil {
				t.Fatal(err)
			}
			err = cluster.Wait(ctx, "the debug server", func() (bool, error) {
				return strings.Contains(e.Output(s.id), x.listening), nil
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, e.Output(s.id))
			}
			exposed := info.Exposed[0].LocalPort
			s.endpoint = &protocol.Endpoint{Network: "tcp", Address: listenOn(exposed)}
			if s.adapter != nil {
				s.endpoint = s.adapter(ctx, t)
			}
			if s.launched, err = json.Marshal(x.configuration(exposed)); err != nil {
				t.Fatal(err)
			}
			s.attach(ctx, t, e)
			s.stopAtCall(ctx, t)
			stopSession(ctx, t, e, s.id)
			restored()
			s.waitOrigin(ctx, t)
			waitNothingLeft(ctx, t, shop)
		})
	}
}
