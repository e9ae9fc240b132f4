package debug

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// jsDebugAdapter is js-debug's stand-alone debug server, for editors that have no
// debugger for Node of their own. Each process of the program, the first one too, is
// debugged by a session of its own: the server asks for it, and serves it at its port.
func jsDebugAdapter() *adapter {
	return &adapter{
		name:      "js-debug",
		mode:      protocol.ModeProxy,
		resolve:   resolveJSDebug,
		find:      findJSDebug,
		transport: func(*config) transport { return transportTCP },
		address: func(args []string, address string) []string {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return args // it is one of ours
			}
			return append(slices.Clone(args), port, host)
		},
		dir:        func(c *config) string { return c.text("cwd") },
		envMember:  "env",
		env:        envObject,
		child:      exposeJSDebugChild,
		stays:      true,
		terminal:   consoleTerminal,
		noTerminal: func(c *config) { c.set("console", "internalConsole") },
		finish:     finishJSDebug,
	}
}

// finishJSDebug adds what its extension adds in VS Code: the type that it knows itself by,
// and the folder without which it looks for no source maps.
func finishJSDebug(c *config, _ string) {
	c.set("type", "pwa-node")
	if folder := or(c.folder, c.text("cwd")); !c.has("__workspaceFolder") && folder != "" {
		c.set("__workspaceFolder", folder)
	}
}

func resolveJSDebug(c *config) {
	if path := c.text("jsDebugPath"); path != "" {
		c.set("jsDebugPath", c.path("jsDebugPath", ""))
	}
	if !c.has("cwd") && c.folder != "" {
		c.set("cwd", c.folder)
	}
	checkConsole(c)
	resolveNode(c)
}

// findJSDebug takes "jsDebugPath" (dapDebugServer.js, or the folder of the release), else
// a program of its packages in PATH, else where Mason, the package manager of Neovim, puts it.
func findJSDebug(c *config, env []string) ([]string, *protocol.Error) {
	if path := c.text("jsDebugPath"); path != "" {
		args, err := jsDebugAt(path, env)
		if err != nil {
			return nil, protocol.Errorf(protocol.CodeAdapterMissing, "the debug server of js-debug is not at %s, where \"jsDebugPath\" says: %w", path, cause(err))
		}
		return args, nil
	}
	for _, name := range []string{"js-debug-adapter", "js-debug"} {
		if path, err := sandbox.LookPath(name, "", env); err == nil {
			return []string{path}, nil
		}
	}
	data := getEnv(env, "XDG_DATA_HOME")
	if data == "" {
		data = filepath.Join(getEnv(env, "HOME"), ".local", "share")
	}
	if args, err := jsDebugAt(filepath.Join(data, "nvim", "mason", "packages", "js-debug-adapter", "js-debug"), env); err == nil {
		return args, nil
	}
	return nil, protocol.Errorf(protocol.CodeAdapterMissing, "the debug server of js-debug is neither in PATH (js-debug-adapter) nor named by \"jsDebugPath\"").
		WithFix(protocol.Fix{Title: "Unpack js-debug-dap of a release of github.com/microsoft/vscode-js-debug, and name its src/dapDebugServer.js by \"jsDebugPath\""})
}

// jsDebugAt is the command line of the server that is a file, or in a release's folder.
func jsDebugAt(path string, env []string) ([]string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, "src", "dapDebugServer.js")
		_, err = os.Stat(path)
	}
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{".js", ".cjs"}, filepath.Ext(path)) {
		path, err = exec.LookPath(path)
		return []string{path}, err
	}
	node, err := sandbox.LookPath("node", "", env)
	return []string{node, path}, err
}

// exposeJSDebugChild leads the editor to the server for the session of a process: the
// server's own port, own, is inside the sandbox.
func exposeJSDebugChild(m *message, own int, expose func(port int) (int, error)) (*message, error) {
	if m.kind != "request" || m.command != "startDebugging" {
		return m, nil
	}
	configuration := rawObject(m.get("arguments"))["configuration"]
	if configuration == nil {
		return m, nil
	}
	port, err := expose(own)
	if err != nil {
		return nil, fmt.Errorf("the debugger of a process can't be reached: %w", err)
	}
	changed, err := leadTo(configuration, port)
	if err != nil {
		return nil, err
	}
	whole, err := setMember(m.get("arguments"), "configuration", changed)
	if err != nil {
		return nil, err
	}
	return m.replaced("arguments", whole)
}
