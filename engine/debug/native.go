package debug

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Configurations for native programs are written for several debuggers. Those for the
// C/C++ extension of VS Code (cppdbg) and for CodeLLDB (lldb) come to the same in
// lldb-dap's words, but for what has no equal there: that is an error where the program
// would be another one or would not be found, else a warning.

// dialect is how another debugger's configurations are written.
type dialect struct {
	// renamed are members that have another name here.
	renamed map[string]string
	// without are members that would change what is debugged: what to write instead.
	without map[string]string
	// ignored are members without which it is debugged all the same.
	ignored []string
	// more translates what needs more than a name.
	more func(c *config)
}

func dialects() map[string]dialect {
	codeLLDB := codeLLDBDialect()
	return map[string]dialect{"cppdbg": cppdbgDialect(), "lldb": codeLLDB, "codelldb": codeLLDB}
}

// cppdbgDialect is that of VS Code's extension for C and C++.
func cppdbgDialect() dialect {
	return dialect{
		renamed: map[string]string{"stopAtEntry": "stopOnEntry", "externalConsole": "runInTerminal", "processId": "pid", "sourceFileMap": "sourceMap"},
		without: map[string]string{
			"pipeTransport":             "the debugger runs in the session, not on another machine: leave it out",
			"miDebuggerServerAddress":   "a gdbserver elsewhere is not in the session: leave it out, the program is started here",
			"debugServerPath":           "no gdbserver is needed: leave it out",
			"coreDumpPath":              "no call reaches a program that has ended: debug it without a session",
			"launchCompleteCommand":     "the program is started by the debugger: leave it out",
			"customLaunchSetupCommands": "the program is started by the debugger: write the debugger's commands to \"preRunCommands\"",
		},
		ignored: []string{
			"MIMode", "miDebuggerPath", "miDebuggerArgs", "logging", "visualizerFile", "showDisplayString", "symbolSearchPath", "additionalSOLibSearchPath",
			"symbolLoadInfo", "requireExactSource", "avoidWindowsConsoleRedirection", "stopAtConnect", "hardwareBreakpoints", "svdPath", "targetArchitecture",
			"debugServerArgs", "serverStarted", "filterStdout", "filterStderr", "serverLaunchTimeout", "postRemoteConnectCommands", "unknownBreakpointHandling", "useExtendedRemote",
		},
		more: translateCppdbg,
	}
}

// codeLLDBDialect is CodeLLDB's.
func codeLLDBDialect() dialect {
	return dialect{
		renamed: map[string]string{"preTerminateCommands": "terminateCommands"},
		without: map[string]string{
			"cargo":                 "is CodeLLDB's own: build by a preLaunchTask (cargo build), and write the \"program\", such as \"${workspaceFolder}/target/debug/NAME\"",
			"targetCreateCommands":  "the target is made of \"program\": leave it out",
			"processCreateCommands": "the program would not get the pod's environment: leave it out, and write \"preRunCommands\" for what comes before",
			"coreFile":              "no call reaches a program that has ended: debug it without a session",
		},
		ignored: []string{
			"expressions", "sourceLanguages", "relativePathBase", "breakpointMode", "stdio", "gracefulShutdown", "reverseDebugging",
			"consoleMode",
		},
		more: translateCodeLLDB,
	}
}

// spokenNatively are the types whose configurations are translated.
func spokenNatively() []string { return slices.Sorted(maps.Keys(dialects())) }

// translateNative makes lldb-dap's configuration of another debugger's.
func translateNative(c *config) {
	kind := c.text("type")
	d, foreign := dialects()[kind]
	if !foreign {
		return
	}
	for _, field := range slices.Sorted(maps.Keys(d.without)) {
		if c.has(field) {
			c.bad(field, "%s", d.without[field])
		}
	}
	var left []string
	for _, field := range d.ignored {
		if c.has(field) {
			left = append(left, field)
			delete(c.values, field)
		}
	}
	d.more(c)
	for from, to := range d.renamed {
		if c.has(from) {
			c.set(to, c.values[from])
		}
		delete(c.values, from)
	}
	sourceMap(c)
	if len(left) > 0 {
		c.hint("type", "lldb-dap debugs this, which has no equal of: %s", strings.Join(left, ", "))
	}
	c.set("type", "lldb-dap")
}

func translateCppdbg(c *config) {
	if mode := c.text("MIMode"); mode != "" && mode != "gdb" && mode != "lldb" {
		c.bad("MIMode", "must be \"gdb\" or \"lldb\", not %q", mode)
	}
	environmentList(c)
	if !c.has("setupCommands") {
		return
	}
	var commands []struct {
		Text           string
		IgnoreFailures bool
	}
	if err := json.Unmarshal(c.values["setupCommands"], &commands); err != nil {
		c.bad("setupCommands", "must be a list of {\"text\": \"…\"}, not %s", kindOf(c.values["setupCommands"]))
		return
	}
	var lost []string
	for _, command := range commands {
		// Each template has the first two, and they change the display alone.
		if text := command.Text; !strings.Contains(text, "enable-pretty-printing") && !strings.Contains(text, "disassembly-flavor") {
			lost = append(lost, fmt.Sprintf("%q", text))
		}
	}
	if len(lost) > 0 {
		c.hint("setupCommands", "GDB's commands %s are left out: lldb-dap's own are written to \"initCommands\"", strings.Join(lost, ", "))
	}
	delete(c.values, "setupCommands")
}

// environmentList makes "env" of [{"name": "A", "value": "1"}].
func environmentList(c *config) {
	if !c.has("environment") {
		return
	}
	var entries []struct{ Name, Value *string }
	err := json.Unmarshal(c.values["environment"], &entries)
	env, envErr := userVariables(c.values["env"])
	if err != nil || envErr != nil || slices.ContainsFunc(entries, func(e struct{ Name, Value *string }) bool { return e.Name == nil || e.Value == nil }) {
		c.bad("environment", "must be a list of {\"name\": \"…\", \"value\": \"…\"}, not %s", kindOf(c.values["environment"]))
		return
	}
	for _, entry := range entries {
		env.set(*entry.Name, *entry.Value)
	}
	c.set("env", env)
	delete(c.values, "environment")
}

func translateCodeLLDB(c *config) {
	optionList(c, "args")
	switch terminal := c.text("terminal"); terminal {
	case "", "console":
	case "integrated", "external":
		c.set("runInTerminal", true)
	default:
		c.bad("terminal", "must be \"console\", \"integrated\" or \"external\", not %q", terminal)
	}
	delete(c.values, "terminal")
}

// sourceMap makes the pairs that lldb-dap takes of {"/from": "/to"}. The C/C++ extension
// may write the second as {"editorPath": "/to"}.
func sourceMap(c *config) {
	if !c.has("sourceMap") || strings.HasPrefix(strings.TrimSpace(string(c.values["sourceMap"])), "[") {
		return
	}
	var rules map[string]json.RawMessage
	if err := json.Unmarshal(c.values["sourceMap"], &rules); err != nil {
		c.bad("sourceMap", "must be an object such as {\"/built/at\": \"${workspaceFolder}\"}, not %s", kindOf(c.values["sourceMap"]))
		return
	}
	pairs := [][]string{}
	for _, from := range slices.Sorted(maps.Keys(rules)) {
		var to string
		var object struct{ EditorPath string }
		if json.Unmarshal(rules[from], &to) != nil && (json.Unmarshal(rules[from], &object) != nil || object.EditorPath == "") {
			c.bad("sourceMap", "the value of %s must be a folder, not %s", from, kindOf(rules[from]))
			return
		}
		pairs = append(pairs, []string{from, or(to, object.EditorPath)})
	}
	c.set("sourceMap", pairs)
}
