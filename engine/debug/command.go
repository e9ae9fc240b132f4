package debug

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// commandType is the type of a configuration that names its adapter itself.
const commandType = "command"

// addressPlaceholder stands in an adapter's arguments for where to listen or dial.
const addressPlaceholder = "{address}"

// commandAdapter is any adapter that speaks DAP, named by its command line:
// "adapter": ["lldb-dap"], with "adapterTransport" and "adapterEnv" where the
// defaults (stdio; an object of variables in "env") do not fit.
func commandAdapter() *adapter {
	return &adapter{
		name:    commandType,
		mode:    protocol.ModeProxy,
		resolve: resolveCommand,
		find:    findCommand,
		transport: func(c *config) transport {
			if t := c.text("adapterTransport"); t != "" {
				return transport(t)
			}
			return transportStdio
		},
		address: func(args []string, address string) []string {
			replaced := make([]string, len(args))
			for i, arg := range args {
				replaced[i] = strings.ReplaceAll(arg, addressPlaceholder, address)
			}
			return replaced
		},
		dir:       func(c *config) string { return c.text("adapterCwd") },
		envMember: "env",
		env:       envObject,
	}
}

func resolveCommand(c *config) {
	args := c.list("adapter")
	if len(args) == 0 || args[0] == "" {
		if c.failed() == nil {
			c.bad("adapter", "is missing: write the adapter's command line, such as [\"lldb-dap\"]")
		}
		return
	}
	switch t := transport(c.text("adapterTransport")); t {
	case "", transportStdio:
	case transportReverse, transportUnix, transportTCP:
		if !strings.Contains(strings.Join(args, " "), addressPlaceholder) {
			c.bad("adapter", "one argument must hold %s, which stands for the %s address", addressPlaceholder, t)
		}
	default:
		c.bad("adapterTransport", "must be \"stdio\", \"tcp\", \"unix\" or \"reverse\", not %q", t)
	}
	switch form := envForm(c.text("adapterEnv")); form {
	case "", envObject, envList, envWhole:
	default:
		c.bad("adapterEnv", "must be \"object\", \"list\" or \"whole\", not %q", form)
	}
	if c.has("adapterCwd") {
		c.set("adapterCwd", c.path("adapterCwd", ""))
	}
	for _, field := range []string{"cwd", "program"} {
		// What a program is, only its adapter knows: a path where it looks like one.
		if text := c.text(field); field == "cwd" && text != "" || strings.ContainsRune(text, '/') {
			c.set(field, c.path(field, ""))
		}
	}
	envFiles(c)
}

func findCommand(c *config, env []string) ([]string, *protocol.Error) {
	args := c.list("adapter")
	if len(args) == 0 {
		return nil, protocol.Errorf(protocol.CodeAdapterMissing, "no debug adapter is named").
			WithFix(protocol.Fix{Title: "Write its command line to \"adapter\", or, for an editor that speaks DAP alone: tunnel-server dap --stdio -- COMMAND"})
	}
	dir := c.text("adapterCwd")
	if dir == "" {
		dir = c.folder
	}
	if dir == "" {
		dir, _ = os.Getwd() // "" is refused by the look-up as well
	}
	path, err := sandbox.LookPath(args[0], dir, env)
	if err != nil {
		missing := protocol.Errorf(protocol.CodeAdapterMissing, "the debug adapter %s can't be started: %w", args[0], cause(err))
		if errors.Is(err, exec.ErrNotFound) {
			missing = protocol.Errorf(protocol.CodeAdapterMissing, "the debug adapter %s is not in PATH", args[0])
		}
		// What gets it, only the one knows who has named it.
		return nil, missing.WithFix(protocol.Fix{Title: "Install " + filepath.Base(args[0]) + ", or write its full path in \"adapter\""})
	}
	return append([]string{path}, args[1:]...), nil
}
