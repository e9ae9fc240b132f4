package debug

import (
	"encoding/json"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Launch configurations as people have them, each with what it comes to: some of the
// members, and the fields of what is told.
var written = []struct {
	name, launch, adapter string
	want                  string // members, as JSON; null = gone
	told                  string // "warning launch.x"
}{
	{"go, of the template", `{"name":"Launch Package","type":"go","request":"launch","mode":"auto","program":"${workspaceFolder}/cmd/server"}`,
		"go", `{"name":"Launch Package","mode":"debug","program":".","dlvCwd":"ROOT/cmd/server"}`, ""},
	{"go, with what grows on it", `{"name":"api","type":"go","request":"launch","mode":"debug","program":"${workspaceFolder}/cmd/server","cwd":"${workspaceFolder}","args":["--port","8080"],
		"env":{"GIN_MODE":"debug","PORT":8080},"envFile":"${workspaceFolder}/.env","buildFlags":"-tags=integration","console":"integratedTerminal","showLog":true,"dlvFlags":["--check-go-version=false"],
		"preLaunchTask":"gen","presentation":{"hidden":false,"group":"","order":1},"internalConsoleOptions":"openOnSessionStart"}`,
		"go", `{"cwd":"ROOT","args":["--port","8080"],"env":{"A":"file","B":"file","GIN_MODE":"debug","PORT":"8080"},"console":"integratedTerminal","preLaunchTask":"gen"}`, ""},
	{"go, a test by name", `{"type":"go","request":"launch","mode":"test","program":"${workspaceFolder}/lib","args":["-test.run","^TestX$"]}`,
		"go", `{"mode":"test","program":".","dlvCwd":"ROOT/lib","args":["-test.run","^TestX$"]}`, ""},
	{"go, arguments in one string", `{"type":"go","request":"launch","mode":"exec","program":"${workspaceFolder}/bin/tool","args":"--name 'a b' -v","env":["A=1","B=x=y"]}`,
		"go", `{"args":["--name","a b","-v"],"env":{"A":"1","B":"x=y"}}`, ""},
	{"go, a binary", `{"type":"go","request":"launch","mode":"exec","program":"${workspaceFolder}/bin/tool"}`, "go", `{"mode":"exec","program":"ROOT/bin/tool"}`, ""},
	{"go, a process by name", `{"name":"Attach","type":"go","request":"attach","mode":"local","processId":"server"}`, "go", `{"request":"attach","processId":"server"}`, ""},
	{"go, a process by number", `{"name":"Attach","type":"go","request":"attach","mode":"local","processId":4711}`, "go", `{"processId":4711}`, ""},
	{"go, a dlv --headless", `{"name":"Connect","type":"go","request":"attach","mode":"remote","remotePath":"${workspaceFolder}","port":2345,"host":"127.0.0.1","substitutePath":[{"from":"${workspaceFolder}","to":"/go/src"}]}`,
		"go", `{"mode":"remote","port":2345}`, ""},
	{"python, the current module", `{"name":"Python: Flask","type":"debugpy","request":"launch","module":"flask","env":{"FLASK_APP":"app.py","FLASK_DEBUG":"1"},"args":["run","--no-debugger","--no-reload"],"jinja":true,"autoStartBrowser":false}`,
		"debugpy", `{"module":"flask","cwd":"ROOT","jinja":true}`, ""},
	{"python, of the old name", `{"name":"Python: FastAPI","type":"python","request":"launch","module":"uvicorn","args":["main:app","--reload"],"justMyCode":true}`, "debugpy", `{"module":"uvicorn"}`, ""},
	{"python, as the extension fills it in", `{"type":"debugpy","request":"launch","program":"${workspaceFolder}/app.py","args":"--name 'a b'","envFile":"/none/.env","env":{"A":"1"}}`,
		"debugpy", `{"args":["--name","a b"],"envFile":null,"env":{"A":"1"}}`, ""},
	{"python, with files of variables", `{"type":"debugpy","request":"launch","program":"${workspaceFolder}/app.py","envFile":["${workspaceFolder}/.env"],"env":{"B":"own"}}`,
		"debugpy", `{"envFile":null,"env":{"A":"file","B":"own"}}`, ""},
	{"python, in a terminal", `{"name":"Python: File","type":"debugpy","request":"launch","program":"${workspaceFolder}/app.py","console":"integratedTerminal"}`, "debugpy", `{"program":"ROOT/app.py","console":"integratedTerminal"}`, ""},
	{"python, a debugpy --listen", `{"name":"Remote Attach","type":"debugpy","request":"attach","connect":{"host":"localhost","port":5678},"pathMappings":[{"localRoot":"${workspaceFolder}","remoteRoot":"."}]}`,
		"debugpy", `{"connect":{"host":"localhost","port":5678}}`, ""},
	{"python, a port in a string", `{"type":"debugpy","request":"attach","connect":{"port":"5678"}}`, "debugpy", `{"connect":{"port":5678}}`, ""},
	{"python, the old way to attach", `{"name":"Attach","type":"python","request":"attach","port":5678,"host":"localhost"}`, "debugpy", `{"connect":{"host":"localhost","port":5678},"port":null,"host":null}`, ""},
	{"python, a debugpy --connect", `{"type":"debugpy","request":"attach","listen":{"host":"127.0.0.1","port":5678}}`, "debugpy", `{"listen":{"host":"127.0.0.1","port":5678}}`, ""},
	{"node, of the template", `{"name":"Launch Program","type":"node","request":"launch","program":"${workspaceFolder}/app.py","skipFiles":["<node_internals>/**"]}`, "node", `{"program":"ROOT/app.py"}`, ""},
	{"node, with a file of variables", `{"type":"node","request":"launch","program":"${workspaceFolder}/app.py","args":"--name 'a b'","envFile":"${workspaceFolder}/.env","env":{"B":"own"}}`,
		"node", `{"args":"--name 'a b'","envFile":null,"env":{"A":"file","B":"own"}}`, ""},
	{"node, by its other name, npm", `{"type":"pwa-node","request":"launch","runtimeExecutable":"npm","runtimeArgs":["run","dev"],"cwd":"${workspaceFolder}","console":"integratedTerminal"}`, "node", `{"cwd":"ROOT"}`, ""},
	{"cppdbg, of the template", `{"name":"(gdb) Launch","type":"cppdbg","request":"launch","program":"${workspaceFolder}/bin/tool","args":[],"stopAtEntry":false,"cwd":"${workspaceFolder}","environment":[],"externalConsole":false,"MIMode":"gdb",
		"setupCommands":[{"description":"Enable pretty-printing for gdb","text":"-enable-pretty-printing","ignoreFailures":true},{"description":"Set Disassembly Flavor to Intel","text":"-gdb-set disassembly-flavor intel","ignoreFailures":true}],
		"preLaunchTask":"C/C++: g++ build active file","miDebuggerPath":"/usr/bin/gdb"}`,
		"lldb-dap", `{"type":"lldb-dap","program":"ROOT/bin/tool","stopOnEntry":false,"runInTerminal":false,"args":[],"cwd":"ROOT","env":{},"preLaunchTask":"C/C++: g++ build active file","setupCommands":null,"environment":null,"MIMode":null,"stopAtEntry":null}`,
		"warning launch.type"},
	{"cppdbg, with all of it", `{"type":"cppdbg","request":"launch","program":"ROOT/bin/tool","stopAtEntry":true,"externalConsole":true,"environment":[{"name":"A","value":"1"},{"name":"B","value":""}],"env":{"C":"3"},
		"sourceFileMap":{"/build":"ROOT","/other":{"editorPath":"ROOT/lib","useForBreakpoints":true}},"setupCommands":[{"text":"set print elements 0"}]}`,
		"lldb-dap", `{"stopOnEntry":true,"runInTerminal":true,"env":{"A":"1","B":"","C":"3"},"sourceMap":[["/build","ROOT"],["/other","ROOT/lib"]],"sourceFileMap":null}`, "warning launch.setupCommands"},
	{"cppdbg, a process", `{"type":"cppdbg","request":"attach","program":"ROOT/bin/tool","processId":"tool","MIMode":"gdb"}`, "lldb-dap", `{"request":"attach","pid":"tool","processId":null}`, "warning launch.type"},
	{"cppdbg, a machine elsewhere", `{"type":"cppdbg","request":"launch","program":"ROOT/bin/tool","pipeTransport":{"pipeProgram":"ssh"},"miDebuggerServerAddress":"board:3333"}`,
		"lldb-dap", `{}`, "error launch.miDebuggerServerAddress error launch.pipeTransport"},
	{"cppdbg, an environment of another form", `{"type":"cppdbg","request":"launch","program":"ROOT/bin/tool","environment":[{"A":"1"}]}`, "lldb-dap", `{}`, "error launch.environment"},
	{"CodeLLDB, of the template", `{"type":"lldb","request":"launch","name":"Debug","program":"${workspaceFolder}/bin/tool","args":"one two","cwd":"${workspaceFolder}"}`,
		"lldb-dap", `{"type":"lldb-dap","program":"ROOT/bin/tool","args":["one","two"],"cwd":"ROOT"}`, ""},
	{"CodeLLDB, in a terminal", `{"type":"lldb","request":"launch","program":"ROOT/bin/tool","terminal":"integrated","sourceMap":{"/rustc/abc":"/usr/src/rust"},"sourceLanguages":["rust"],"initCommands":["settings set x y"],"preTerminateCommands":["bt"]}`,
		"lldb-dap", `{"runInTerminal":true,"terminal":null,"sourceMap":[["/rustc/abc","/usr/src/rust"]],"initCommands":["settings set x y"],"terminateCommands":["bt"]}`, "warning launch.type"},
	{"CodeLLDB, of cargo", `{"type":"lldb","request":"launch","name":"Debug executable","cargo":{"args":["build","--bin=api"],"filter":{"name":"api","kind":"bin"}},"args":[]}`, "lldb-dap", `{}`, "error launch.cargo"},
	{"CodeLLDB, in Neovim", `{"type":"codelldb","request":"launch","program":"ROOT/bin/tool","stopOnEntry":false}`, "lldb-dap", `{"type":"lldb-dap"}`, ""},
	{"lldb-dap", `{"type":"lldb-dap","request":"launch","program":"${workspaceFolder}/bin/tool","env":{"A":"1"},"sourceMap":[["/a","/b"]]}`, "lldb-dap", `{"sourceMap":[["/a","/b"]]}`, ""},
	{"lldb-vscode, with a list of variables", `{"type":"lldb-vscode","request":"launch","program":"ROOT/bin/tool","env":["A=1"]}`, "lldb-dap", `{"env":{"A":"1"}}`, ""},
	{"CodeLLDB, arguments with blanks", `{"type":"lldb","request":"launch","program":"ROOT/bin/tool","args":"--name 'a b'"}`, "lldb-dap", `{"args":["--name","a b"]}`, ""},
	{"lldb-dap, a process", `{"type":"lldb-dap","request":"attach","program":"ROOT/bin/tool","waitFor":true}`, "lldb-dap", `{"waitFor":true}`, ""},
	{"any adapter by its command", `{"type":"gdb","request":"launch","adapter":["gdb","--interpreter=dap"],"adapterEnv":"whole","program":"./bin/tool"}`, "command", `{"program":"ROOT/bin/tool"}`, ""},
	{"C#", `{"name":".NET Core Launch (web)","type":"coreclr","request":"launch","preLaunchTask":"build","program":"${workspaceFolder}/bin/Debug/net8.0/api.dll","args":[],"cwd":"${workspaceFolder}","stopAtEntry":false}`, "", "", `error launch.type "netcoredbg", "--interpreter=vscode"`},
	{"PHP", `{"name":"Listen for Xdebug","type":"php","request":"launch","port":9003}`, "", "", `error launch.type phpDebug.js`},
	{"Ruby", `{"type":"rdbg","name":"Debug","request":"launch","script":"app.rb"}`, "", "", `error launch.type rdbg --open`},
	{"Rust", `{"type":"rust","request":"launch","program":"x"}`, "", "", `error launch.type "type": "lldb-dap"`},
	{"gdb", `{"type":"gdb","request":"launch","program":"x"}`, "", "", `error launch.type "gdb", "--interpreter=dap"`},
	{"a browser", `{"type":"chrome","request":"launch","url":"http://localhost:3000"}`, "", "", `error launch.type without a session`},
	{"Node, older than js-debug", `{"type":"node2","request":"launch"}`, "", "", `error launch.type "type": "node"`},
	{"what nobody knows", `{"type":"fortran77","request":"launch"}`, "", "", `error launch.type "adapter": ["program", "argument"]`},
}

func TestConfigurationsAsPeopleWriteThem(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs of this test are shell scripts")
	}
	root := workspace(t)
	for _, test := range written {
		t.Run(test.name, func(t *testing.T) {
			result, values := resolved(t, root, test.launch)
			if result.Adapter != test.adapter {
				t.Fatalf("adapter %q: %+v", result.Adapter, result.Diagnostics)
			}
			checkTold(t, result.Diagnostics, test.told)
			if test.want == "" {
				return
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(strings.ReplaceAll(test.want, "ROOT", root)), &want); err != nil {
				t.Fatal(err)
			}
			for _, name := range slices.Sorted(maps.Keys(want)) {
				if !reflect.DeepEqual(values[name], want[name]) {
					t.Errorf("%s is %v, want %v", name, values[name], want[name])
				}
			}
			if strings.HasPrefix(test.told, "error") {
				return
			}
			again, _ := resolved(t, root, string(result.Launch))
			if string(again.Launch) != string(result.Launch) {
				t.Errorf("resolved again: %s\nwas %s", again.Launch, result.Launch)
			}
		})
	}
}

// checkTold compares what was told with its severities and fields, and the message's part
// where there is one.
func checkTold(t *testing.T, found []protocol.Diagnostic, want string) {
	t.Helper()
	var got []string
	for _, d := range found {
		entry := string(d.Severity) + " " + d.Field
		if text, ok := strings.CutPrefix(want, entry+" "); ok && strings.Contains(d.Message, text) {
			entry = want
		}
		got = append(got, entry)
	}
	if strings.Join(got, " ") != want {
		t.Errorf("told %+v, want %s", found, want)
	}
}
