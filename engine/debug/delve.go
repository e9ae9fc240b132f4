package debug

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

const delveInstall = "go install github.com/go-delve/delve/cmd/dlv@latest"

// delveAdapter is Delve, with launch configurations as people write them for the Go
// extension of VS Code.
func delveAdapter() *adapter {
	return &adapter{
		name:        "go",
		aliases:     []string{"delve", "dlv"},
		mode:        protocol.ModeProxy,
		resolve:     resolveDelve,
		suggest:     suggestGo,
		find:        findDelve,
		versionArgs: []string{"version"},
		transport:   func(*config) transport { return transportReverse },
		server:      delveServer,
		process:     "processId",
		terminal:    consoleTerminal,
		noTerminal:  func(c *config) { delete(c.values, "console") },
		inTerminal:  true,
		address: func(args []string, address string) []string {
			return append(slices.Clone(args), "--client-addr=unix:"+address)
		},
		dir:       func(c *config) string { return c.text("dlvCwd") },
		envMember: "env",
		env:       envObject,
		builds:    true,
		finish:    finishDelve,
	}
}

func resolveDelve(c *config) {
	if c.text("debugAdapter") == "legacy" {
		c.hint("debugAdapter", "the legacy adapter is gone: dlv dap is used")
	}
	checkConsole(c)
	checkDelveFields(c)
	if c.attaches() {
		resolveDelveAttach(c)
		return
	}
	for _, field := range []string{"port", "host", "remotePath"} {
		if c.has(field) {
			c.hint(field, "%q has no meaning here: the debugger is started by KubeTunnel and reached through the session", field)
			delete(c.values, field)
		}
	}
	resolveDelvePaths(c)
}

// resolveDelveAttach: mode "local" is a process of the session, "remote" a dlv --headless in it.
func resolveDelveAttach(c *config) {
	if cwd := c.path("cwd", ""); cwd != "" {
		c.set("cwd", cwd)
	}
	switch mode := c.text("mode"); mode {
	case "", "local":
		checkProcess(c, "processId")
		if !c.has("processId") && c.text("waitFor") == "" {
			c.bad("processId", "is missing: write the name of a process in the session, such as \"server\"; %s", startInside)
		}
	case "remote":
		if !c.has("port") {
			c.bad("port", "is missing: write the one of dlv --headless in the session: tunnel-server exec -- dlv debug --headless --listen=127.0.0.1:2345")
			return
		}
		checkServer(c, "port", c.text("host"), c.whole("port"))
	default:
		c.bad("mode", "must be \"local\" or \"remote\" to attach, not %q", mode)
	}
}

// delveServer is the port of a dlv --headless.
func delveServer(c *config) int {
	if c.attaches() && c.text("mode") == "remote" {
		return c.whole("port")
	}
	return 0
}

func checkDelveFields(c *config) {
	optionList(c, "args")
	c.list("dlvFlags")
	c.flag("stopOnEntry")
	c.flag("noDebug")
	if c.has("buildFlags") {
		var text string
		var list []string
		if json.Unmarshal(c.values["buildFlags"], &text) != nil && json.Unmarshal(c.values["buildFlags"], &list) != nil {
			c.bad("buildFlags", "must be a string or a list of strings, not %s", kindOf(c.values["buildFlags"]))
		}
	}
	if c.has("substitutePath") {
		var rules []struct{ From, To *string }
		err := json.Unmarshal(c.values["substitutePath"], &rules)
		if err != nil || slices.ContainsFunc(rules, func(r struct{ From, To *string }) bool { return r.From == nil || r.To == nil }) {
			c.bad("substitutePath", "must be a list of {\"from\": \"…\", \"to\": \"…\"}")
		}
	}
}

// resolveDelvePaths turns mode and program into what dlv dap understands: it builds
// in the package's own folder, so that the right go.mod counts.
func resolveDelvePaths(c *config) {
	mode := c.text("mode")
	switch mode {
	case "", "auto", "debug", "test", "exec":
	case "replay", "core":
		c.bad("mode", "%q is of the past, which no call reaches: debug it without a session", mode)
		return
	case "local", "remote":
		c.bad("mode", "%q is for attaching: use \"auto\", \"debug\", \"test\" or \"exec\", or \"request\": \"attach\"", mode)
		return
	default:
		c.bad("mode", "must be \"auto\", \"debug\", \"test\" or \"exec\", not %q", mode)
		return
	}
	dlvCwd := c.path("dlvCwd", "")
	cwd := c.path("cwd", "")
	base := c.folder
	if dlvCwd != "" {
		base = dlvCwd
	} else if base == "" {
		base = cwd
	}
	if !c.has("program") || c.text("program") == "" {
		if c.has("program") || c.folder == "" {
			c.bad("program", "is missing: write the folder of the package to debug, such as \"${workspaceFolder}/cmd/server\"")
			return
		}
		c.set("program", c.folder)
	}
	program := c.path("program", base)
	envFiles(c)
	if c.has("dlvToolPath") {
		c.set("dlvToolPath", c.path("dlvToolPath", ""))
	}
	if c.has("output") {
		c.set("output", c.path("output", base))
	}
	if cwd != "" {
		c.set("cwd", cwd)
	}
	if program == "" {
		return
	}
	info, err := os.Stat(program)
	if err != nil {
		c.set("program", program)
		c.absent("program", "%s: %v", program, cause(err))
		return
	}
	c.set("mode", delveMode(c, mode, program, info.IsDir()))
	if mode == "exec" {
		c.set("program", program)
		return
	}
	folder, what := program, "."
	if !info.IsDir() {
		folder = filepath.Dir(program)
		what = "." + string(filepath.Separator) + filepath.Base(program)
		if c.text("mode") == "test" {
			what = "."
		}
	}
	if dlvCwd == "" {
		c.set("dlvCwd", folder)
		c.set("program", what)
		return
	}
	// Written by the user, or by an earlier resolve.
	c.set("dlvCwd", dlvCwd)
	if relative, err := filepath.Rel(dlvCwd, program); err == nil {
		what = relative
		if what != "." && !strings.HasPrefix(what, "..") {
			what = "." + string(filepath.Separator) + what
		}
	}
	c.set("program", what)
}

// delveMode decides what "auto" means: a test file, or a folder with nothing but tests, is tested.
func delveMode(c *config, mode, program string, folder bool) string {
	switch {
	case mode == "exec" && folder:
		c.bad("program", "%s is a folder: mode \"exec\" needs a binary", program)
	case mode == "exec", mode == "test":
		return mode
	case !folder && !strings.HasSuffix(program, ".go"):
		c.bad("program", "%s is neither a folder nor a Go file: for a binary write \"mode\": \"exec\"", program)
	case mode == "debug":
	case !folder && strings.HasSuffix(program, "_test.go"):
		return "test"
	case folder && onlyTests(program):
		return "test"
	}
	return "debug"
}

func onlyTests(folder string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	return err == nil && len(files) > 0 && !slices.ContainsFunc(files, func(f string) bool { return !strings.HasSuffix(f, "_test.go") })
}

// findDelve finds dlv as the Go extension does: the setting, PATH, GOBIN, GOPATH/bin.
func findDelve(c *config, env []string) ([]string, *protocol.Error) {
	path := c.text("dlvToolPath")
	if path != "" {
		if _, err := exec.LookPath(path); err != nil {
			return nil, protocol.Errorf(protocol.CodeAdapterMissing, "the Go debugger is not at %s, where \"dlvToolPath\" says: %w", path, cause(err)).
				WithFix(protocol.Fix{Title: "Install Delve or correct dlvToolPath", Command: delveInstall})
		}
	} else if path = findGoTool("dlv", env); path == "" {
		return nil, protocol.Errorf(protocol.CodeAdapterMissing, "the Go debugger Delve (dlv) is neither in PATH nor in GOPATH/bin").
			WithFix(protocol.Fix{Title: "Install Delve", Command: delveInstall})
	}
	return append([]string{path, "dap"}, delveFlags(c)...), nil
}

func delveFlags(c *config) []string {
	flags := c.list("dlvFlags")
	if c.flag("showLog") {
		flags = append(flags, "--log=true")
		if outputs := c.text("logOutput"); outputs != "" {
			flags = append(flags, "--log-output="+outputs)
		}
	}
	return flags
}

// findGoTool finds a program that go install has made.
func findGoTool(name string, env []string) string {
	if path, err := sandbox.LookPath(name, "", env); err == nil {
		return path
	}
	var folders []string
	if bin := getEnv(env, "GOBIN"); bin != "" {
		folders = append(folders, bin)
	}
	for _, path := range filepath.SplitList(getEnv(env, "GOPATH")) {
		folders = append(folders, filepath.Join(path, "bin"))
	}
	if home := getEnv(env, "HOME"); home != "" {
		folders = append(folders, filepath.Join(home, "go", "bin"))
	} else if home := getEnv(env, "USERPROFILE"); home != "" {
		folders = append(folders, filepath.Join(home, "go", "bin"))
	}
	for _, folder := range folders {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	return ""
}

// finishDelve keeps the binary out of the user's sources, where it would stay behind
// after a crash. The program's output is left to Delve's own standard output, which
// is read here: its output events end with a restart.
func finishDelve(c *config, dir string) {
	mode := c.text("mode")
	if !c.has("output") && (mode == "debug" || mode == "test") {
		name := "debuggee"
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		c.set("output", filepath.Join(dir, name))
	}
}

// cause is the reason alone, where the path stands beside it anyway.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var program *exec.Error
	if errors.As(err, &program) {
		return program.Err
	}
	return err
}
