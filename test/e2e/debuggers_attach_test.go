package e2e

import (
	"context"
	"encoding/json"
	"fmt"
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
			e := openEditor(ctx, t)
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

// An editor's own debugger attaches to a debug server in a session without one, by the
// port that is exposed.
func TestDebuggersOutsideReachAServerThatIsExposed(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	s := &debugged{debuggee: debuggees["delve"], id: "exposed", launched: json.RawMessage(`{"type":"go","request":"attach","mode":"remote"}`)}
	s.path, s.line = breakpointIn(t, filepath.Join(world.Root, s.source))
	const debugPort = 2345
	port := freePort(ctx, t)
	listen := listenOn(port)
	_, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
		ID: s.id, Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: port},
		Command: &protocol.Command{
			Args: []string{"dlv", "exec", "--headless", fmt.Sprintf("--listen=127.0.0.1:%d", debugPort), buildGo(ctx, t, filepath.Dir(s.path))},
			Env:  map[string]*string{"LISTEN": &listen}, Expose: []int{debugPort},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := e.WaitState(ctx, s.id, protocol.StateReady)
	if err != nil {
		t.Fatal(err)
	}
	err = cluster.Wait(ctx, "the debug server", func() (bool, error) {
		return strings.Contains(e.Output(s.id), "API server listening"), nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, e.Output(s.id))
	}
	s.endpoint = &protocol.Endpoint{Network: "tcp", Address: fmt.Sprintf("127.0.0.1:%d", info.Exposed[0].LocalPort)}
	s.attach(ctx, t, e)
	s.stopAtCall(ctx, t)
	stopSession(ctx, t, e, s.id)
	restored()
	s.waitOrigin(ctx, t)
	waitNothingLeft(ctx, t, shop)
}
