package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// What is wrong with a launch: told at once by number, or by the debugger in its own words.
var wrong = map[string]struct {
	// files are written into a folder, FOLDER in the configuration.
	files  map[string]string
	launch string
	code   protocol.ErrorCode // of session/start; 0 = it starts
	told   string
}{
	"delve: another type": {launch: `{"type":"go","program":"FOLDER","args":7}`, code: protocol.CodeBadLaunch, told: `"args": must be a string or a list of strings, not 7`},
	"delve: no program":   {launch: `{"type":"go","program":"FOLDER/none"}`, code: protocol.CodeBadLaunch, told: "no such file"},
	"delve: does not build": {
		files:  map[string]string{"go.mod": "module broken\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { undefined() }\n"},
		launch: `{"type":"go","program":"FOLDER"}`, told: "main.go:3:15: undefined: undefined",
	},
	"delve: in its own words": {
		files:  map[string]string{"go.mod": "module fine\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"},
		launch: `{"type":"go","program":"FOLDER","backend":7}`, told: "invalid debug configuration",
	},
	"debugpy: another type": {launch: `{"type":"debugpy","python":"PYTHON","program":"FOLDER/app.py","env":["A"]}`, code: protocol.CodeBadLaunch, told: `"env": "A" is not NAME=value`},
	"debugpy: no program":   {launch: `{"type":"debugpy","python":"PYTHON","program":"FOLDER/none.py"}`, told: "No such file or directory"},
	"debugpy: does not compile": {
		files:  map[string]string{"app.py": "def broken(:\n"},
		launch: `{"type":"debugpy","python":"PYTHON","program":"FOLDER/app.py"}`, told: "SyntaxError",
	},
	"debugpy: in its own words": {
		files:  map[string]string{"app.py": "print('never')\n"},
		launch: `{"type":"debugpy","python":"PYTHON","program":"FOLDER/app.py","pythonArgs":{"one":1}}`, told: `"pythonArgs" must be list`,
	},
	"lldb-dap: another type": {launch: `{"type":"lldb-dap","program":"/bin/sh","stopOnEntry":"yes"}`, code: protocol.CodeBadLaunch, told: `"stopOnEntry": must be true or false`},
	"lldb-dap: no program":   {launch: `{"type":"lldb-dap","program":"FOLDER/none"}`, code: protocol.CodeBadLaunch, told: "build it first"},
	"lldb-dap: not a binary": {
		files:  map[string]string{"app": "neither a script nor a binary\n"},
		launch: `{"type":"lldb-dap","program":"FOLDER/app"}`, told: "FOLDER/app",
	},
	"lldb-dap: in its own words":         {launch: `{"type":"lldb-dap","program":"/bin/true","sourceMap":[["alone"]]}`, told: "array of two-element arrays"},
	"lldb-dap: in its newer one's words": {launch: `{"type":"lldb-dap","lldbDapPath":"LLDB","program":"/bin/true","cwd":"/none"}`, told: "chdir failed: No such file or directory"},
	"js-debug: another type":             {launch: `{"type":"js-debug","jsDebugPath":"JSDEBUG","program":7}`, code: protocol.CodeBadLaunch, told: `"program"`},
	"js-debug: no program":               {launch: `{"type":"js-debug","jsDebugPath":"JSDEBUG","program":"FOLDER/none.js"}`, code: protocol.CodeBadLaunch, told: "none.js"},
	"node: no program":                   {launch: `{"type":"node","program":"FOLDER/none.js"}`, code: protocol.CodeBadLaunch, told: "none.js"},
	"java: another type":                 {launch: `{"type":"java","mainClass":7,"classPaths":["FOLDER"]}`, code: protocol.CodeBadLaunch, told: `"mainClass"`},
	"java: no class":                     {launch: `{"type":"java","classPaths":["FOLDER"]}`, code: protocol.CodeBadLaunch, told: `"mainClass"`},
	"gdb: another type":                  {launch: `{"type":"gdb","adapter":["GDB","--interpreter=dap"],"adapterEnv":"whole","program":7}`, code: protocol.CodeBadLaunch, told: `"program": must be a string`},
	"gdb: no program":                    {launch: `{"type":"gdb","adapter":["GDB","--interpreter=dap"],"adapterEnv":"whole","program":"FOLDER/none"}`, told: "FOLDER/none"},
	"no such adapter":                    {launch: `{"type":"cobol","adapter":["no-such-adapter"],"program":"x"}`, told: "no-such-adapter is not in PATH"},
	"no such type":                       {launch: `{"type":"coreclr","program":"x.dll"}`, code: protocol.CodeUnknownAdapter, told: "netcoredbg"},
}

func TestDebuggersTellWhatIsWrongAndNothingIsRedirected(t *testing.T) {
	for name, w := range wrong {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			folder := t.TempDir()
			for file, text := range w.files {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o700); err != nil { //nolint:gosec // one is to be a program
					t.Fatal(err)
				}
			}
			fill := strings.NewReplacer("FOLDER", folder, "PYTHON", os.Getenv("KUBETUNNEL_PYTHON"), "LLDB", os.Getenv("KUBETUNNEL_LLDB_DAP"),
				"JSDEBUG", os.Getenv("KUBETUNNEL_JS_DEBUG"), "GDB", os.Getenv("KUBETUNNEL_GDB"))
			before := serviceVersion(ctx, t, "cart")
			e := openEditor(ctx, t)
			launch := json.RawMessage(fill.Replace(w.launch))
			started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
				ID: "wrong", Target: protocol.Target{Namespace: shop, Service: "cart", LocalPort: freePort(ctx, t)}, Launch: launch,
			})
			if w.code != 0 {
				if codeOf(err) != w.code || !strings.Contains(err.Error(), fill.Replace(w.told)) {
					t.Errorf("start: %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				launchWrong(ctx, t, e, started.DAP, launch, fill.Replace(w.told))
			}
			waitNothingLeft(ctx, t, shop)
			waitGone(ctx, t, cluster.Descendants(e.PID()))
			if after := serviceVersion(ctx, t, "cart"); after != before {
				t.Errorf("the Service was changed: version %s, was %s", after, before)
			}
		})
	}
}

// launchWrong launches as an editor does, and waits until the user is told why it fails.
func launchWrong(ctx context.Context, t *testing.T, e *servertest.Editor, endpoint *protocol.Endpoint, launch json.RawMessage, told string) {
	t.Helper()
	d, err := servertest.DialDAP(ctx, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	launchErr := d.Launch(ctx, launch, "")
	err = cluster.Wait(ctx, "a word on what is wrong", func() (bool, error) {
		all := fmt.Sprintf("%v\n%s", launchErr, d.Output())
		return strings.Contains(all, told), fmt.Errorf("told: %s", all)
	})
	if err != nil {
		t.Error(err)
	}
	_ = d.Close()
	if _, err := e.WaitState(ctx, "wrong", protocol.StateEnded, protocol.StateFailed); err != nil {
		t.Error(err)
	}
}

// serviceVersion changes with every change of a Service.
func serviceVersion(ctx context.Context, t *testing.T, name string) string {
	t.Helper()
	service, err := world.Kube.CoreV1().Services(shop).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return service.ResourceVersion
}

func TestDebuggersThatAreMissingAreToldAtPreflight(t *testing.T) {
	ctx := testContext(t)
	empty := t.TempDir()
	e := openEditor(ctx, t, "PATH="+empty, "HOME="+empty, "GOPATH=", "GOBIN=", "VIRTUAL_ENV=", "JAVA_HOME=")
	for launch, install := range map[string]string{
		`{"type":"go","program":"FOLDER"}`:                                                "go install github.com/go-delve/delve/cmd/dlv@latest",
		`{"type":"debugpy","program":"FOLDER/app.py"}`:                                    "apt-get install python3 python3-debugpy",
		`{"type":"lldb-dap","program":"/bin/sh"}`:                                         "apt-get install lldb",
		`{"type":"cppdbg","program":"/bin/sh","MIMode":"gdb"}`:                            "apt-get install lldb",
		`{"type":"node","program":"FOLDER/app.js"}`:                                       "apt-get install nodejs",
		`{"type":"js-debug","runtimeExecutable":"FOLDER/node","program":"FOLDER/app.js"}`: "",
		`{"type":"java","mainClass":"shop.Stock","classPaths":["FOLDER"]}`:                "apt-get install default-jdk-headless",
		`{"type":"cobol","adapter":["cobol-adapter","--dap"],"program":""}`:               "",
	} {
		launch := strings.ReplaceAll(launch, "FOLDER", filepath.Join(world.Root, "examples", "shop", "cart"))
		found, err := e.Server.Preflight(ctx, &protocol.PreflightParams{Target: protocol.Target{Namespace: shop, Service: "cart"}, Launch: json.RawMessage(launch)})
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Diagnostics) == 0 || found.Diagnostics[0].Code != protocol.CodeAdapterMissing || found.Diagnostics[0].Fix == nil || found.Diagnostics[0].Fix.Command != install {
			t.Errorf("%s: %+v", launch, found.Diagnostics)
		}
	}
}
