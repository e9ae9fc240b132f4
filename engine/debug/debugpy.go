package debug

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// debugpyAdapter is debugpy, with launch configurations as people write them for the
// Python extension of VS Code.
func debugpyAdapter() *adapter {
	return &adapter{
		name:        "debugpy",
		aliases:     []string{"python"},
		mode:        protocol.ModeProxy,
		resolve:     resolveDebugpy,
		suggest:     suggestPython,
		find:        findDebugpy,
		versionArgs: []string{"--version"},
		transport:   func(*config) transport { return transportStdio },
		dir:         func(c *config) string { return c.text("cwd") },
		envMember:   "env",
		env:         envObject,
		child:       exposeDebugpyChild,
		server:      debugpyServer,
		process:     "processId",
		terminal:    consoleTerminal,
		noTerminal:  func(c *config) { c.set("console", "internalConsole") },
	}
}

func resolveDebugpy(c *config) {
	optionList(c, "args")
	for _, field := range []string{"stopOnEntry", "justMyCode", "subProcess", "noDebug", "redirectOutput"} {
		c.flag(field)
	}
	if c.has("pathMappings") { // what it can't read ends the program without a word
		var mappings []struct{ LocalRoot, RemoteRoot *string }
		if err := json.Unmarshal(c.values["pathMappings"], &mappings); err != nil {
			c.bad("pathMappings", "must be a list of {\"localRoot\": \"…\", \"remoteRoot\": \"…\"}, not %s", kindOf(c.values["pathMappings"]))
		}
	}
	if c.flag("sudo") {
		c.bad("sudo", "a session belongs to its user: leave it out")
	}
	checkConsole(c)
	if c.attaches() {
		resolveDebugpyAttach(c)
	} else {
		resolveDebugpyProgram(c)
	}
	if !c.has("cwd") && c.folder != "" {
		c.set("cwd", c.folder)
	} else if cwd := c.path("cwd", ""); cwd != "" {
		c.set("cwd", cwd)
	}
	for _, field := range []string{"python", "pythonPath"} {
		if args := words(c, field); len(args) > 0 {
			if _, err := exec.LookPath(args[0]); err != nil {
				c.bad(field, "there is no interpreter %s: %v", args[0], cause(err))
			}
		}
	}
	// The Python extension names this one where nobody has, and goes on without it.
	var file string
	if json.Unmarshal(c.values["envFile"], &file) == nil && filepath.Base(file) == ".env" {
		if _, err := os.Stat(c.path("envFile", "")); errors.Is(err, fs.ErrNotExist) {
			delete(c.values, "envFile")
		}
	}
	envFiles(c)
}

// resolveDebugpyProgram: exactly one of program, module and code tells what to run.
func resolveDebugpyProgram(c *config) {
	named := 0
	for _, field := range []string{"program", "module", "code"} {
		if c.has(field) {
			named++
		}
	}
	switch {
	case named == 0:
		c.bad("program", "is missing: write the script to debug, such as \"${workspaceFolder}/app.py\", or \"module\": \"flask\"")
	case named > 1:
		c.bad("program", "only one of \"program\", \"module\" and \"code\" may be there")
	case c.has("program"):
		if path := c.path("program", ""); path != "" {
			c.set("program", path)
		}
	case c.has("module"):
		c.text("module")
	}
}

// resolveDebugpyAttach: to a debugpy --listen or a process in the session, or from a
// debugpy --connect there.
func resolveDebugpyAttach(c *config) {
	named := 0
	for _, field := range []string{"connect", "listen", "processId", "port"} {
		if c.has(field) {
			named++
		}
	}
	switch {
	case named == 0:
		c.bad("connect", "is missing: write {\"port\": 5678} for a debugpy in the session: tunnel-server exec -- python -m debugpy --listen 127.0.0.1:5678 app.py")
	case named > 1:
		c.bad("connect", "only one of \"connect\", \"listen\", \"processId\" and \"port\" may be there")
	case c.has("processId"):
		checkProcess(c, "processId")
	case c.has("port"): // the older spelling
		c.set("connect", map[string]any{"host": or(c.text("host"), "127.0.0.1"), "port": c.whole("port")})
		delete(c.values, "port")
		delete(c.values, "host")
		fallthrough
	case c.has("connect"):
		at, err := debugpyAddress(c)
		if err != nil {
			c.bad("connect", "must be {\"host\": \"127.0.0.1\", \"port\": 5678}: %v", err)
			return
		}
		if changed, err := setMember(c.values["connect"], "port", number(at.Port)); err == nil {
			c.values["connect"] = changed
		}
		checkServer(c, "connect", at.Host, at.Port)
	}
}

type debugServerAddress struct {
	Host string
	Port int
}

// debugpyAddress reads "connect", whose port may be a number in a string.
func debugpyAddress(c *config) (debugServerAddress, error) {
	var written struct {
		Host string
		Port json.RawMessage
	}
	if err := json.Unmarshal(c.values["connect"], &written); err != nil {
		return debugServerAddress{}, err
	}
	port, err := strconv.Atoi(strings.Trim(string(written.Port), `"`))
	if err != nil {
		return debugServerAddress{}, fmt.Errorf("%s is not a port", kindOf(written.Port))
	}
	return debugServerAddress{written.Host, port}, nil
}

// debugpyServer is the port of a debugpy --listen.
func debugpyServer(c *config) int {
	if !c.attaches() || !c.has("connect") {
		return 0
	}
	at, err := debugpyAddress(c)
	if err != nil {
		return 0 // told by resolving
	}
	return at.Port
}

func findDebugpy(c *config, env []string) ([]string, *protocol.Error) {
	interpreter := python(c, env)
	if len(interpreter) == 0 {
		return nil, noPython()
	}
	if args := debugpyOf(interpreter, env); args != nil {
		return args, nil
	}
	return nil, noDebugpy(interpreter)
}

// exposeDebugpyChild leads the editor to the debugger of a child process: debugpy tells
// its own TCP port, which is inside the sandbox, either by the request startDebugging or
// by an event of its own.
func exposeDebugpyChild(m *message, _ int, expose func(port int) (int, error)) (*message, error) {
	switch {
	case m.kind == "request" && m.command == "startDebugging":
		arguments := rawObject(m.get("arguments"))
		changed, err := exposeConnect(arguments["configuration"], expose)
		if err != nil || changed == nil {
			return m, err
		}
		whole, err := setMember(m.get("arguments"), "configuration", changed)
		if err != nil {
			return nil, err
		}
		return m.replaced("arguments", whole)
	case m.kind == "event" && m.event == "debugpyAttach":
		changed, err := exposeConnect(m.get("body"), expose)
		if err != nil || changed == nil {
			return m, err
		}
		return m.replaced("body", changed)
	}
	return m, nil
}

// exposeConnect replaces "connect": {"host", "port"} of a configuration; nil when there is none.
func exposeConnect(configuration json.RawMessage, expose func(port int) (int, error)) (json.RawMessage, error) {
	var at struct {
		Connect *struct {
			Host string `json:"host"`
			Port int    `json:"port"`
		} `json:"connect"`
	}
	if json.Unmarshal(configuration, &at) != nil || at.Connect == nil {
		return nil, nil
	}
	port, err := expose(at.Connect.Port)
	if err != nil {
		return nil, fmt.Errorf("the debugger of a child process can't be reached: %w", err)
	}
	return leadTo(configuration, port)
}
