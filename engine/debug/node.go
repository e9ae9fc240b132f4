package debug

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// nodeAdapter is js-debug, which lives inside VS Code's extension host and can't be
// moved. It finds its debuggee, and each child of that, by a Unix socket whose path is
// in the environment, and so across the sandbox.
func nodeAdapter() *adapter {
	return &adapter{
		name:     "node",
		aliases:  []string{"pwa-node"},
		mode:     protocol.ModeLauncher,
		resolve:  resolveNode,
		suggest:  suggestNode,
		launcher: launchNode,
		alone:    "js-debug",
	}
}

func resolveNode(c *config) {
	if c.text("request") == "attach" {
		c.bad("request", "%s", notMoved("node --inspect=127.0.0.1:9229 server.js", 9229))
		return
	}
	if c.has("attachSimplePort") {
		c.bad("attachSimplePort", "the program listens inside the session, where this port is another one: leave it out")
	}
	if _, err := options(c, "args"); err != nil { // a string is js-debug's to read
		c.bad("args", "%v", err)
	}
	c.list("runtimeArgs")
	envFiles(c)
	runtime := c.text("runtimeExecutable")
	if !c.has("program") && runtime == "" {
		c.bad("program", "is missing: write the script to debug, such as \"${workspaceFolder}/server.js\", or a \"runtimeExecutable\" such as npm with \"runtimeArgs\"")
		return
	}
	if c.has("program") {
		if path := c.path("program", ""); path != "" {
			c.set("program", path)
			if startsNode(c) && !isModule(path) {
				c.absent("program", "%s: no such file: build it first, or correct the path", path)
			}
		}
	}
	if c.has("cwd") {
		if path := c.path("cwd", ""); path != "" {
			c.set("cwd", path)
		}
	}
	if runtime == "" {
		if _, err := exec.LookPath("node"); err != nil {
			missing := protocol.Errorf(protocol.CodeAdapterMissing, "Node is not in PATH: %w", cause(err)).
				WithFix(install("Node, or name it by \"runtimeExecutable\"", "apt-get install nodejs", "brew install node", "winget install OpenJS.NodeJS"))
			c.findings = append(c.findings, missing.Diagnostic(protocol.SeverityError, "launch.runtimeExecutable"))
		}
	}
}

// startsNode: the program is Node's to find, also where the configuration has been
// rewritten for the session.
func startsNode(c *config) bool {
	runtime, args := c.text("runtimeExecutable"), c.list("runtimeArgs")
	if i := slices.Index(args, "--"); i > 0 && args[0] == "exec" && len(args) > i+1 {
		runtime = args[i+1]
	}
	return runtime == "" || runtime == "node"
}

// isModule: there is something by that name, which may lack its extension (Node's
// documentation, "Modules: CommonJS modules", "File modules").
func isModule(path string) bool {
	if _, err := os.Stat(path); err == nil {
		return true
	}
	files, err := os.ReadDir(filepath.Dir(path))
	return err == nil && slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.HasPrefix(f.Name(), filepath.Base(path)+".") })
}

// ofJSDebug are the variables by which js-debug gets at its debuggee.
var ofJSDebug = []string{"NODE_OPTIONS", "VSCODE_INSPECTOR_OPTIONS", "ELECTRON_RUN_AS_NODE"}

// launchNode puts the session's command line before the runtime.
func launchNode(c *config, prefix []string) {
	runtime, args := c.text("runtimeExecutable"), c.list("runtimeArgs")
	if len(prefix) == 0 || runtime == prefix[0] {
		return // it is there already
	}
	if runtime == "" {
		runtime = "node"
	}
	keep := slices.Clone(ofJSDebug)
	var env map[string]json.RawMessage
	if c.has("env") && json.Unmarshal(c.values["env"], &env) == nil {
		for name := range env {
			keep = append(keep, name)
		}
	}
	slices.Sort(keep)
	line := joinedBy(prefix, slices.Compact(keep), runtime)
	c.set("runtimeExecutable", line[0])
	c.set("runtimeArgs", append(line[1:], args...))
}
