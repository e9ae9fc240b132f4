package debug

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// workspace is a folder with packages as Go programs have them.
func workspace(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n", "main.go": "package main\n", "cmd/server/main.go": "package main\n",
		"lib/lib.go": "package lib\n", "lib/lib_test.go": "package lib\n", "only/x_test.go": "package only\n",
		"bin/tool": "#!/bin/sh\n", "bin/dlv": "#!/bin/sh\n", "bin/lldb-dap": "#!/bin/sh\n", "bin/python3": "#!/bin/sh\n", "bin/gdb": "#!/bin/sh\n", "app.py": "", "README.md": "", ".env": "A=file\nB=file\n",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func numberOf(err error) protocol.ErrorCode {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func resolved(t *testing.T, root, launch string) (*protocol.ResolveSessionResult, map[string]any) {
	t.Helper()
	launch = strings.ReplaceAll(launch, "ROOT", filepath.ToSlash(root))
	result, err := Resolve(protocol.Target{Service: "cart"}, json.RawMessage(launch), ResolveOptions{
		Folder: root, Env: []string{"PATH=" + filepath.Join(root, "bin")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if result.Launch != nil {
		if err := json.Unmarshal(result.Launch, &values); err != nil {
			t.Fatal(err)
		}
	}
	return result, values
}

func TestResolveGo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are shell scripts")
	}
	root := workspace(t)
	for _, test := range []struct{ name, launch, mode, program, dlvCwd string }{
		{"a folder", `{"type":"go","program":"ROOT/cmd/server"}`, "debug", ".", "ROOT/cmd/server"},
		{"a relative folder", `{"type":"go","program":"./cmd/server","mode":"auto"}`, "debug", ".", "ROOT/cmd/server"},
		{"the editor's variable", `{"type":"go","program":"${workspaceFolder}/lib"}`, "debug", ".", "ROOT/lib"},
		{"a file", `{"type":"go","program":"ROOT/main.go"}`, "debug", "./main.go", "ROOT"},
		{"a test file", `{"type":"go","program":"ROOT/lib/lib_test.go","mode":"auto"}`, "test", ".", "ROOT/lib"},
		{"a folder of tests", `{"type":"go","program":"only"}`, "test", ".", "ROOT/only"},
		{"tests", `{"type":"go","program":"lib","mode":"test"}`, "test", ".", "ROOT/lib"},
		{"a binary", `{"type":"go","program":"bin/tool","mode":"exec"}`, "exec", "ROOT/bin/tool", ""},
		{"no program", `{"type":"go"}`, "debug", ".", "ROOT"},
		{"another folder for the build", `{"type":"go","program":"cmd/server","dlvCwd":"ROOT"}`, "debug", "./cmd/server", "ROOT"},
		{"another name of the type", `{"type":"dlv","program":"lib","mode":"debug"}`, "debug", ".", "ROOT/lib"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, values := resolved(t, root, test.launch)
			if len(result.Diagnostics) > 0 || result.Adapter != "go" || result.Mode != protocol.ModeProxy || result.Kind != protocol.KindDebug {
				t.Fatalf("%+v", result)
			}
			dlvCwd, _ := values["dlvCwd"].(string)
			if values["mode"] != test.mode || values["program"] != strings.ReplaceAll(test.program, "ROOT", root) || dlvCwd != strings.ReplaceAll(test.dlvCwd, "ROOT", root) {
				t.Errorf("mode %v, program %v, dlvCwd %v", values["mode"], values["program"], values["dlvCwd"])
			}
			again, _ := resolved(t, root, string(result.Launch))
			if string(again.Launch) != string(result.Launch) {
				t.Errorf("resolved again: %s\nwas %s", again.Launch, result.Launch)
			}
		})
	}
}

func TestResolveKeepsWhatItDoesNotKnow(t *testing.T) {
	root := workspace(t)
	_, values := resolved(t, root, `{"type":"go","program":"lib","envFile":"ROOT/.env","env":{"B":"own","PORT":8080,"OFF":false,"GONE":null},
		"args":"one two","future":{"a":[1]},"__restart":{"x":1},"showGlobalVariables":true}`)
	got, err := json.Marshal(map[string]any{"env": values["env"], "args": values["args"], "future": values["future"], "r": values["__restart"], "g": values["showGlobalVariables"], "f": values["envFile"]})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"args":["one","two"],"env":{"A":"file","B":"own","GONE":null,"OFF":"false","PORT":"8080"},"f":null,"future":{"a":[1]},"g":true,"r":{"x":1}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestResolveTellsWhatIsWrong(t *testing.T) {
	root := workspace(t)
	for _, test := range []struct {
		name, launch, field, text string
		code                      protocol.ErrorCode
	}{
		{"unknown type", `{"type":"cobol"}`, "launch.type", "known are go, debugpy, lldb-dap, node, js-debug, java, command", protocol.CodeUnknownAdapter},
		{"no type", `{}`, "launch.type", `no "type"`, protocol.CodeUnknownAdapter},
		{"wrong type of type", `{"type":7}`, "launch.type", "must be a string, not 7", protocol.CodeBadLaunch},
		{"attach", `{"type":"go","request":"attach"}`, "launch.processId", "tunnel-server exec", protocol.CodeBadLaunch},
		{"attach elsewhere", `{"type":"go","request":"attach","mode":"remote","host":"db.example.org","port":2345}`, "launch.port", "must be in the session", protocol.CodeBadLaunch},
		{"attach nowhere", `{"type":"go","request":"attach","mode":"remote"}`, "launch.port", "dlv debug --headless", protocol.CodeBadLaunch},
		{"attach to a picker", `{"type":"go","request":"attach","processId":"${command:pickProcess}"}`, "launch.processId", "not been replaced", protocol.CodeBadLaunch},
		{"of the past", `{"type":"go","program":"lib","mode":"core"}`, "launch.mode", "no call reaches", protocol.CodeBadLaunch},
		{"console", `{"type":"go","program":"lib","console":"tv"}`, "launch.console", "integratedTerminal", protocol.CodeBadLaunch},
		{"bad request", `{"type":"go","request":"lunch"}`, "launch.request", `not "lunch"`, protocol.CodeBadLaunch},
		{"empty program", `{"type":"go","program":""}`, "launch.program", "is missing", protocol.CodeBadLaunch},
		{"number as program", `{"type":"go","program":7}`, "launch.program", "must be a string", protocol.CodeBadLaunch},
		{"not a Go file", `{"type":"go","program":"README.md"}`, "launch.program", `"mode": "exec"`, protocol.CodeBadLaunch},
		{"a folder as binary", `{"type":"go","program":"lib","mode":"exec"}`, "launch.program", "needs a binary", protocol.CodeBadLaunch},
		{"a variable left", `{"type":"go","program":"${fileDirname}"}`, "launch.program", "${fileDirname}", protocol.CodeBadLaunch},
		{"unknown mode", `{"type":"go","program":"lib","mode":"turbo"}`, "launch.mode", `not "turbo"`, protocol.CodeBadLaunch},
		{"remote", `{"type":"go","program":"lib","mode":"remote"}`, "launch.mode", "attaching", protocol.CodeBadLaunch},
		{"args", `{"type":"go","program":"lib","args":{"a":1}}`, "launch.args", "list of strings", protocol.CodeBadLaunch},
		{"env", `{"type":"go","program":"lib","env":["A"]}`, "launch.env", "not NAME=value", protocol.CodeBadLaunch},
		{"env of numbers", `{"type":"go","program":"lib","env":[1]}`, "launch.env", `list such as ["NAME=value"]`, protocol.CodeBadLaunch},
		{"env inside", `{"type":"go","program":"lib","env":{"A":{}}}`, "launch.env", "value of A", protocol.CodeBadLaunch},
		{"buildFlags", `{"type":"go","program":"lib","buildFlags":1}`, "launch.buildFlags", "string or a list", protocol.CodeBadLaunch},
		{"substitutePath", `{"type":"go","program":"lib","substitutePath":[{"from":"a"}]}`, "launch.substitutePath", `"to"`, protocol.CodeBadLaunch},
		{"stopOnEntry", `{"type":"go","program":"lib","stopOnEntry":"yes"}`, "launch.stopOnEntry", "true or false", protocol.CodeBadLaunch},
		{"envFile without an end", `{"type":"go","program":"lib","envFile":"/dev/zero"}`, "launch.envFile", "no environment can hold", protocol.CodeBadLaunch},
		{"dlvToolPath", `{"type":"go","program":"lib","dlvToolPath":"/none/dlv"}`, "launch.type", "dlvToolPath", protocol.CodeAdapterMissing},
		{"no command", `{"type":"command"}`, "launch.adapter", "is missing", protocol.CodeBadLaunch},
		{"no such command", `{"type":"lldb","adapter":["no-lldb-dap"]}`, "launch.type", "not in PATH", protocol.CodeAdapterMissing},
		{"command without its address", `{"adapter":["x"],"adapterTransport":"tcp"}`, "launch.adapter", "{address}", protocol.CodeBadLaunch},
		{"unknown transport", `{"adapter":["x"],"adapterTransport":"pigeon"}`, "launch.adapterTransport", "pigeon", protocol.CodeBadLaunch},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, _ := resolved(t, root, test.launch)
			for _, d := range result.Diagnostics {
				if d.Severity == protocol.SeverityError && d.Code == test.code && d.Field == test.field && strings.Contains(d.Message, test.text) {
					return
				}
			}
			t.Errorf("diagnostics %+v", result.Diagnostics)
		})
	}
	for _, launch := range []string{`7`, `null`, `{`} {
		if _, err := Resolve(protocol.Target{}, json.RawMessage(launch), ResolveOptions{}); err == nil {
			t.Errorf("%s is taken for a configuration", launch)
		}
	}
}

// Editors resolve a configuration before they run the task that builds the program.
func TestWhatATaskMayYetMakeIsMissedOnlyWhenTheSessionStarts(t *testing.T) {
	native := map[string]string{"build/app": "#!/bin/sh\n"}
	for name, test := range map[string]struct {
		launch, field string
		task          map[string]string
	}{
		"delve's binary":  {`{"type":"go","mode":"exec","program":"${workspaceFolder}/build/app"}`, "launch.program", native},
		"delve's package": {`{"type":"go","program":"gen"}`, "launch.program", map[string]string{"gen/main.go": "package main\n"}},
		"lldb's binary":   {`{"type":"lldb-dap","program":"build/app"}`, "launch.program", native},
		"cppdbg's binary": {`{"type":"cppdbg","program":"build/app"}`, "launch.program", native},
		"Java's classes":  {`{"type":"java","mainClass":"Main"}`, "launch.classPaths", map[string]string{"target/classes/Main.class": ""}},
		"Node's script":   {`{"type":"node","program":"dist/server"}`, "launch.program", map[string]string{"dist/server.js": ""}},
		"envFile":         {`{"type":"go","program":"lib","envFile":"made.env"}`, "launch.envFile", map[string]string{"made.env": "A=1\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := workspace(t)
			if err := os.RemoveAll(filepath.Join(root, "bin")); err != nil { // Java's classes may be there
				t.Fatal(err)
			}
			id := []string{"/bin/tunnel-server", "exec", "--session", "one"}
			resolve := func(launch json.RawMessage) *protocol.ResolveSessionResult {
				t.Helper()
				result, err := Resolve(protocol.Target{}, launch, ResolveOptions{Folder: root, Exec: id})
				if err != nil {
					t.Fatal(err)
				}
				return result
			}
			early := resolve(json.RawMessage(test.launch))
			if n := len(early.Diagnostics); n != 1 || early.Diagnostics[0].Severity != protocol.SeverityWarning || early.Diagnostics[0].Field != test.field {
				t.Errorf("before: %+v", early.Diagnostics)
			}
			if err := CheckLaunch(early.Launch, root); numberOf(err) != protocol.CodeBadLaunch {
				t.Errorf("the session starts without it: %v", err)
			}
			for file, text := range test.task {
				path := filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // one is a program
					t.Fatal(err)
				}
			}
			if err := CheckLaunch(early.Launch, root); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			again, straight := resolve(early.Launch), resolve(json.RawMessage(test.launch))
			if len(again.Diagnostics) > 0 || !strings.Contains(test.launch, "Main") && string(again.Launch) != string(straight.Launch) {
				t.Errorf("afterwards: %+v\n%s\n%s", again.Diagnostics, again.Launch, straight.Launch)
			}
		})
	}
}

func TestResolveTellsHowToInstallDelve(t *testing.T) {
	root := workspace(t)
	result, err := Resolve(protocol.Target{}, json.RawMessage(`{"type":"go","program":"lib"}`), ResolveOptions{Folder: root, Env: []string{"PATH=/none"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Diagnostics) != 1 || result.Diagnostics[0].Code != protocol.CodeAdapterMissing || result.Diagnostics[0].Fix == nil || result.Diagnostics[0].Fix.Command != delveInstall {
		t.Errorf("diagnostics %+v", result.Diagnostics)
	}
}

func TestResolveWarnsOfWhatHasNoMeaning(t *testing.T) {
	root := workspace(t)
	result, values := resolved(t, root, `{"type":"go","program":"lib","port":2345,"host":"x","debugAdapter":"legacy"}`)
	fields := ""
	for _, d := range result.Diagnostics {
		if d.Severity == protocol.SeverityWarning {
			fields += d.Field + " "
		}
	}
	if fields != "launch.debugAdapter launch.port launch.host " || values["port"] != nil {
		t.Errorf("warnings for %s; values %v", fields, values)
	}
}

func TestResolveLauncherMode(t *testing.T) {
	scripts := &adapter{
		name: "scripts", mode: protocol.ModeLauncher,
		resolve: func(c *config) { c.text("program") },
		launcher: func(c *config, prefix []string) {
			c.set("runtimeExecutable", prefix[0])
			c.set("runtimeArgs", append(prefix[1:], "node"))
		},
	}
	c, err := parseConfig(json.RawMessage(`{"type":"scripts","program":"app.js","own":1}`), "")
	if err != nil {
		t.Fatal(err)
	}
	result := c.resolveFor(scripts, protocol.Target{Service: "cart"}, ResolveOptions{Exec: []string{"tunnel-server", "exec", "--session", "s1", "--"}})
	want := `{"own":1,"program":"app.js","request":"launch","runtimeArgs":["exec","--session","s1","--","node"],"runtimeExecutable":"tunnel-server","type":"scripts"}`
	if result.Mode != protocol.ModeLauncher || result.Adapter != "scripts" || string(result.Launch) != want {
		t.Errorf("%s %s %s", result.Mode, result.Adapter, result.Launch)
	}
}
