package debug

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// pythonTime bounds the questions that are asked of an interpreter.
const pythonTime = 10 * time.Second

// python gives the interpreter and its arguments: "python" (a path or a list), its
// older name "pythonPath", a virtual environment of the workspace, the one that is
// activated, then PATH; nil when there is none.
func python(c *config, env []string) []string {
	for _, field := range []string{"python", "pythonPath"} {
		if args := words(c, field); len(args) > 0 {
			return args
		}
	}
	var folders []string
	if c.folder != "" {
		folders = append(folders, filepath.Join(c.folder, ".venv"), filepath.Join(c.folder, "venv"))
	}
	if active := getEnv(env, "VIRTUAL_ENV"); active != "" {
		folders = append(folders, active)
	}
	for _, folder := range folders {
		path := filepath.Join(folder, "bin", "python")
		if runtime.GOOS == "windows" {
			path = filepath.Join(folder, "Scripts", "python.exe")
		}
		if _, err := exec.LookPath(path); err == nil {
			return []string{path}
		}
	}
	for _, name := range []string{"python3", "python"} {
		if path, err := sandbox.LookPath(name, "", env); err == nil {
			return []string{path}
		}
	}
	return nil
}

// words gives a field that is a string or a list of strings.
func words(c *config, field string) []string {
	if !c.has(field) {
		return nil
	}
	if strings.HasPrefix(strings.TrimSpace(string(c.values[field])), "[") {
		return c.list(field)
	}
	if text := c.text(field); text != "" {
		return []string{text}
	}
	return nil
}

// debugpyOf gives the command line of an interpreter's own debugpy, or, where it has
// none, of the one that comes with an editor's extension; nil when there is none.
func debugpyOf(interpreter, env []string) []string {
	const question = `import importlib.util,sys; sys.exit(0 if importlib.util.find_spec("debugpy.adapter") else 1)`
	if pythonSays(interpreter, env, question) {
		return append(slices.Clone(interpreter), "-m", "debugpy.adapter")
	}
	if path := bundledDebugpy(); path != "" {
		return append(slices.Clone(interpreter), path)
	}
	return nil
}

// bundledDebugpy is the newest that the extension of VS Code or a relative of it has.
func bundledDebugpy() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	var newest string
	var when time.Time
	for _, editor := range []string{".vscode", ".vscode-server", ".vscode-insiders", ".vscode-oss", ".cursor", ".cursor-server", ".windsurf"} {
		found, err := filepath.Glob(filepath.Join(home, editor, "extensions", "ms-python.debugpy-*", "bundled", "libs", "debugpy", "adapter"))
		if err != nil {
			continue // a home with what is special in a pattern
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.ModTime().After(when) {
				newest, when = path, info.ModTime()
			}
		}
	}
	return newest
}

// noPython and noDebugpy say what to install.
func noPython() *protocol.Error {
	return protocol.Errorf(protocol.CodeAdapterMissing, "there is no Python: neither \"python\" in the launch configuration, nor a virtual environment, nor python3 in PATH").
		WithFix(install("Python, or name the interpreter by \"python\"", "apt-get install python3 python3-debugpy", "brew install python", "winget install Python.Python.3.13"))
}

func noDebugpy(interpreter []string) *protocol.Error {
	return protocol.Errorf(protocol.CodeAdapterMissing, "the Python debugger debugpy is not installed for %s", strings.Join(interpreter, " ")).
		WithFix(debugpyInstall(interpreter))
}

// debugpyInstall gets debugpy. A system's own interpreter takes no packages by pip (PEP 668).
func debugpyInstall(interpreter []string) protocol.Fix {
	const question = `import os,sys,sysconfig; sys.exit(0 if sys.prefix==sys.base_prefix and os.path.exists(os.path.join(sysconfig.get_path("stdlib"),"EXTERNALLY-MANAGED")) else 1)`
	fix := protocol.Fix{Title: "Install debugpy", Command: strings.Join(interpreter, " ") + " -m pip install debugpy"}
	if !pythonSays(interpreter, nil, question) {
		return fix
	}
	if path, err := exec.LookPath(interpreter[0]); err == nil && runtime.GOOS == "linux" && filepath.Dir(path) == "/usr/bin" {
		fix.Command = "apt-get install python3-debugpy"
		return fix
	}
	fix.Title = "Install debugpy into a virtual environment of the workspace, which is found there"
	fix.Command = strings.Join(interpreter, " ") + " -m venv .venv && .venv/bin/python -m pip install debugpy"
	return fix
}

// pythonSays tells whether a script ends with 0.
func pythonSays(interpreter, env []string, script string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), pythonTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter[0], append(slices.Clone(interpreter[1:]), "-c", script)...) //nolint:gosec // the user's own interpreter
	cmd.Env, cmd.WaitDelay = env, time.Second
	return cmd.Run() == nil
}

// rawObject reads an object's members, nil when it is none.
func rawObject(raw json.RawMessage) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	return members
}
