//go:build unix

package debug

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func resolveWithID(t *testing.T, launch string) (configuration struct {
	Program, RuntimeExecutable string
	RuntimeArgs                []string
}, result *protocol.ResolveSessionResult,
) {
	t.Helper()
	result = resolveOnly(t, launch)
	if err := json.Unmarshal(result.Launch, &configuration); err != nil {
		t.Fatal(err)
	}
	return configuration, result
}

// aScript is a program of Node that is there.
func aScript(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.js")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func resolveOnly(t *testing.T, launch string) *protocol.ResolveSessionResult {
	t.Helper()
	result, err := Resolve(protocol.Target{Service: "cart"}, json.RawMessage(launch), ResolveOptions{
		Folder: t.TempDir(), Env: os.Environ(), Exec: []string{"/bin/tunnel-server", "exec", "--session", "one"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestNodeIsLaunchedThroughTheSession(t *testing.T) {
	join := []string{"exec", "--session", "one", "--keep", "ELECTRON_RUN_AS_NODE", "--keep", "NODE_OPTIONS"}
	for name, c := range map[string]struct {
		launch string
		want   []string
	}{
		"a script": {`{"type":"node","program":"` + aScript(t) + `","args":["a b"]}`, append(slices.Clone(join), "--keep", "VSCODE_INSPECTOR_OPTIONS", "--", "node")},
		"npm": {
			`{"type":"pwa-node","runtimeExecutable":"npm","runtimeArgs":["run","dev"],"env":{"PORT":"80","NODE_OPTIONS":"--trace-warnings"}}`,
			append(slices.Clone(join), "--keep", "PORT", "--keep", "VSCODE_INSPECTOR_OPTIONS", "--", "npm", "run", "dev"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, result := resolveWithID(t, c.launch)
			if len(result.Diagnostics) > 0 || result.Mode != protocol.ModeLauncher || result.Kind != protocol.KindDebug {
				t.Fatalf("%+v", result)
			}
			if got.RuntimeExecutable != "/bin/tunnel-server" || !slices.Equal(got.RuntimeArgs, c.want) {
				t.Errorf("%s %q", got.RuntimeExecutable, got.RuntimeArgs)
			}
			again, _ := resolveWithID(t, string(result.Launch))
			if !slices.Equal(again.RuntimeArgs, got.RuntimeArgs) || again.RuntimeExecutable != got.RuntimeExecutable {
				t.Errorf("resolved again: %s %q", again.RuntimeExecutable, again.RuntimeArgs)
			}
		})
	}
}

func TestMistakesInANodeConfigurationAreToldByTheirField(t *testing.T) {
	for launch, field := range map[string]string{
		`{"type":"node"}`: "launch.program",
		`{"type":"node","request":"attach","port":9229}`:                 "launch.request",
		`{"type":"node","program":"/a.js","attachSimplePort":9229}`:      "launch.attachSimplePort",
		`{"type":"node","program":"/a.js","args":{}}`:                    "launch.args",
		`{"type":"node","program":"/a.js","envFile":"/none/.env"}`:       "launch.envFile",
		`{"type":"node","program":"/a.js","runtimeArgs":{}}`:             "launch.runtimeArgs",
		`{"type":"node","program":"/a.js","cwd":"${command:askFolder}"}`: "launch.cwd",
	} {
		result := resolveOnly(t, strings.ReplaceAll(launch, "/a.js", aScript(t)))
		if len(result.Diagnostics) == 0 || result.Diagnostics[0].Field != field {
			t.Errorf("%s: %+v", launch, result.Diagnostics)
		}
	}
}

func TestADebuggerOfTheEditorsEndsWhenItIsTold(t *testing.T) {
	script := aScript(t)
	launch := json.RawMessage(`{"type":"node","program":"` + script + `"}`)
	if mode := ModeOf(launch); mode != protocol.ModeLauncher {
		t.Errorf("mode %q", mode)
	}
	if mode := ModeOf(json.RawMessage(`{"type":"go"}`)); mode != protocol.ModeProxy {
		t.Errorf("mode %q", mode)
	}
	if _, err := NewLaunched(json.RawMessage(`{"type":"node"}`), "", newFakeHost()); numberOf(err) != protocol.CodeBadLaunch {
		t.Errorf("without a program: %v", err)
	}
	host := newFakeHost()
	l, err := NewLaunched(launch, filepath.Dir(script), host)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Restart(t.Context()); numberOf(err) != protocol.CodeAdapterFailed || l.Endpoint() != nil {
		t.Errorf("restart: %v", err)
	}
	for range 2 {
		l.Terminate(t.Context())
		_ = l.Close()
	}
	<-l.Done()
	if host.ended() != 1 {
		t.Errorf("BeforeEnd was called %d times", host.ended())
	}
}

func TestVariablesThatAreKeptAreTheStartersOwn(t *testing.T) {
	own := []string{"NODE_OPTIONS=--require hook.js", "PORT=81", "HOME=/home/ann"}
	pod := []string{"NODE_OPTIONS=--max-old-space-size=64", "PORT=80", "REGION=eu", "VSCODE_INSPECTOR_OPTIONS=pod"}
	env := KeepEnvironment(own, pod, []string{"HOSTNAME=kt-1"}, []string{"NODE_OPTIONS", "VSCODE_INSPECTOR_OPTIONS"})
	slices.Sort(env)
	want := []string{"HOME=/home/ann", "HOSTNAME=kt-1", "NODE_OPTIONS=--require hook.js", "PORT=80", "REGION=eu"}
	if !slices.Equal(env, want) {
		t.Errorf("got %q", env)
	}
}
