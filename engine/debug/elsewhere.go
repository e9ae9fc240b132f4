package debug

import (
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Types of launch configurations for which there is no entry, and what to write instead.

const (
	insteadLLDB = `write "type": "lldb-dap", with "program", "args", "cwd" and "env" as they are`
	insteadNode = `write "type": "node"`
	noDebuggee  = "nothing in the pod is debugged by it: start it without a session, beside the one of its server"
	withRun     = `start the program with its debug server, tunnel-server run --service NAME --expose PORT -- COMMAND, and attach your editor to 127.0.0.1:PORT`
)

// insteadCommand is for adapters that speak DAP on their standard streams.
func insteadCommand(adapter string) string {
	return `add "adapter": [` + adapter + `] to the configuration`
}

var elsewhere = map[string]string{
	"coreclr":       insteadCommand(`"netcoredbg", "--interpreter=vscode"`),
	"dart":          insteadCommand(`"dart", "debug_adapter"`),
	"gdb":           insteadCommand(`"gdb", "--interpreter=dap"`) + ` and "adapterEnv": "whole" (GDB 14 or newer), or ` + insteadLLDB,
	"php":           insteadCommand(`"node", "…/out/phpDebug.js"`) + ", with the path in vscode-php-debug; Xdebug finds it on 127.0.0.1, as both run in the session",
	"bashdb":        insteadCommand(`"node", "…/out/bashDebug.js"`) + ", with the path in the extension",
	"mix_task":      insteadCommand(`"…/debug_adapter.sh"`) + ", with the path in ElixirLS",
	"kotlin":        insteadCommand(`"kotlin-debug-adapter"`),
	"lua-local":     insteadCommand(`"node", "…/extension/debugAdapter.js"`) + ", with the path in local-lua-debugger",
	"rdbg":          withRun + ": rdbg --open --host=127.0.0.1 --port=PORT -c -- ruby app.rb",
	"ruby":          withRun + ": rdbg --open --host=127.0.0.1 --port=PORT -c -- ruby app.rb",
	"ruby_lsp":      withRun + ": rdbg --open --host=127.0.0.1 --port=PORT -c -- ruby app.rb",
	"scala":         withRun,
	"rust":          insteadLLDB,
	"swift":         insteadLLDB,
	"swift-lldb":    insteadLLDB,
	"lldb-mi":       insteadLLDB,
	"cppvsdbg":      insteadLLDB,
	"node2":         insteadNode,
	"node-terminal": insteadNode + `, with the command's words in "runtimeExecutable" and "runtimeArgs"`,
	"cortex-debug":  "a program on a board is in no pod: start it without a session",
	"extensionHost": noDebuggee,
	"pwa-chrome":    noDebuggee,
	"chrome":        noDebuggee,
	"pwa-msedge":    noDebuggee,
	"msedge":        noDebuggee,
	"firefox":       noDebuggee,
	"docker":        "the program runs here, not in a container: take the configuration of its language, such as \"type\": \"go\"",
	"Python":        `write "type": "debugpy"`,
	"golang":        `write "type": "go"`,
	"javascript":    insteadNode,
	"typescript":    insteadNode,
	"c":             insteadLLDB,
	"cpp":           insteadLLDB,
	"c++":           insteadLLDB,
}

// unknownType says what to write for a type without an entry.
func unknownType(kind string) *protocol.Error {
	known := strings.Join(Adapters(), ", ")
	if kind == "" {
		return protocol.Errorf(protocol.CodeUnknownAdapter, "the launch configuration has no \"type\": write one of %s", known)
	}
	if instead := elsewhere[kind]; instead != "" {
		return protocol.Errorf(protocol.CodeUnknownAdapter, "there is no debug adapter for the type %q here: %s", kind, instead)
	}
	return protocol.Errorf(protocol.CodeUnknownAdapter,
		"there is no debug adapter for the type %q here: known are %s; name any other adapter that speaks DAP on its standard input and output by \"adapter\": [\"program\", \"argument\"]", kind, known)
}
