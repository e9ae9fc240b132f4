package debug

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// lldbAdapter is LLVM's own adapter, lldb-dap (lldb-vscode until LLVM 17), for C, C++,
// Rust and what else has DWARF.
func lldbAdapter() *adapter {
	return &adapter{
		name:      "lldb-dap",
		aliases:   append([]string{"lldb-vscode"}, spokenNatively()...),
		mode:      protocol.ModeProxy,
		resolve:   resolveLLDB,
		find:      findLLDB,
		transport: func(*config) transport { return transportStdio },
		dir:       func(*config) string { return "" },
		envMember: "env",
		env:       envList,
		unset:     unsetLLDB,
		process:   "pid",
		terminal:  lldbTerminal,
		noTerminal: func(c *config) {
			delete(c.values, "console")
			delete(c.values, "runInTerminal")
		},
	}
}

func resolveLLDB(c *config) {
	translateNative(c)
	if c.failed() != nil {
		return
	}
	c.list("args")
	checkConsole(c)
	for _, field := range []string{"initCommands", "preRunCommands", "stopCommands", "exitCommands"} {
		c.list(field)
	}
	c.flag("stopOnEntry")
	c.flag("runInTerminal")
	if c.attaches() {
		resolveLLDBAttach(c)
		return
	}
	for _, field := range []string{"launchCommands", "attachCommands"} {
		if len(c.list(field)) > 0 {
			c.bad(field, "commands of the debugger would start the program without the pod's environment: leave it out, and write \"preRunCommands\" for what comes before")
		}
	}
	if !c.has("program") {
		c.bad("program", "is missing: write the binary to debug, such as \"${workspaceFolder}/build/server\"")
		return
	}
	if program := c.path("program", ""); program != "" {
		if _, err := exec.LookPath(program); err != nil {
			c.absent("program", "%s: %v: build it first, with debug information", program, cause(err))
		}
		c.set("program", program)
	}
	if c.has("cwd") {
		c.set("cwd", c.path("cwd", ""))
	} else if c.folder != "" {
		c.set("cwd", c.folder)
	}
	envFiles(c)
}

// resolveLLDBAttach: to a process of the session, by its number, its name or its program.
func resolveLLDBAttach(c *config) {
	checkProcess(c, "pid")
	if c.has("program") {
		if program := c.path("program", ""); program != "" {
			c.set("program", program)
		}
	}
	if !c.has("pid") && !c.has("program") && !c.has("attachCommands") && !c.has("gdb-remote-port") {
		c.bad("pid", "is missing: write the name of a process in the session, such as \"server\"; %s", startInside)
	}
}

// lldbTerminal: "runInTerminal", and since LLDB 21 "console".
func lldbTerminal(c *config) string {
	if c.flag("runInTerminal") {
		return "integrated"
	}
	return consoleTerminal(c)
}

// lldbName are the adapter's names, with the version that distributions add.
var lldbName = regexp.MustCompile(`^lldb-(?:dap|vscode)(?:-(\d+))?$`)

// notInPath are folders of packages that do not put theirs into PATH.
var notInPath = []string{
	"/opt/homebrew/opt/llvm/bin", "/usr/local/opt/llvm/bin", // Homebrew
	"/Library/Developer/CommandLineTools/usr/bin", "/Applications/Xcode.app/Contents/Developer/usr/bin",
	`C:\Program Files\LLVM\bin`,
}

// findLLDB takes "lldbDapPath", else the plain name in PATH, else the highest version
// there, else the plain name where packages have it.
func findLLDB(c *config, env []string) ([]string, *protocol.Error) {
	if path := c.text("lldbDapPath"); path != "" {
		if _, err := exec.LookPath(path); err != nil {
			return nil, protocol.Errorf(protocol.CodeAdapterMissing, "the debugger is not at %s, where \"lldbDapPath\" says: %w", path, cause(err))
		}
		return []string{path}, nil
	}
	for _, name := range []string{"lldb-dap", "lldb-vscode"} {
		if path, err := sandbox.LookPath(name, "", env); err == nil {
			return []string{path}, nil
		}
	}
	highest, best := -1, ""
	for _, folder := range filepath.SplitList(getEnv(env, "PATH")) {
		found, _ := filepath.Glob(filepath.Join(folder, "lldb-*")) // a folder with what is special in a pattern has none
		slices.Sort(found)
		for _, path := range found {
			match := lldbName.FindStringSubmatch(filepath.Base(path))
			if match == nil {
				continue
			}
			if version, err := strconv.Atoi(match[1]); err == nil && version > highest {
				highest, best = version, path
			}
		}
	}
	for _, folder := range notInPath {
		if path, err := exec.LookPath(filepath.Join(folder, "lldb-dap")); best == "" && err == nil {
			best = path
		}
	}
	if best == "" {
		return nil, protocol.Errorf(protocol.CodeAdapterMissing, "the debugger lldb-dap is not in PATH").
			WithFix(install("LLDB", "apt-get install lldb", "brew install llvm", "winget install LLVM.LLVM"))
	}
	return []string{best}, nil
}

// unsetLLDB: a list of variables can't take one out; a setting of the debugger can.
func unsetLLDB(c *config, names []string) {
	commands := c.list("initCommands")
	for _, name := range names {
		commands = append(commands, fmt.Sprintf("settings append target.unset-env-vars %q", name))
	}
	c.set("initCommands", commands)
}
