package debug

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// ResolveOptions is what resolving knows besides the configuration.
type ResolveOptions struct {
	// Folder is the workspace folder, for relative paths; "" when there is none.
	Folder string
	// Env is the workstation's environment; nil = this process's.
	Env []string
	// Exec is the command line by which an adapter that lives in the editor starts its
	// debuggee in the session, see ExecLine; nil when the session's id is not known.
	Exec []string
}

// Resolve tells what a launch configuration comes to. What is wrong with it is in
// the result's Diagnostics; only something that is no configuration at all is an error.
// A program that is not there is a warning: editors ask before they run the task that
// builds it. What starts the session looks again.
// Resolving a result again gives the same.
func Resolve(target protocol.Target, launch json.RawMessage, opts ResolveOptions) (*protocol.ResolveSessionResult, error) {
	c, err := parseConfig(launch, opts.Folder)
	if err != nil {
		return nil, err
	}
	c.early = true
	if a := c.adapter(); a != nil {
		return c.resolveFor(a, target, opts), nil
	}
	return &protocol.ResolveSessionResult{Kind: protocol.KindDebug, Diagnostics: c.findings}, nil
}

// CheckLaunch gives what is wrong with a launch configuration, if anything is.
func CheckLaunch(launch json.RawMessage, folder string) error {
	c, err := parseConfig(launch, folder)
	if err != nil {
		return err
	}
	checkCommon(c, protocol.Target{})
	if a := c.adapter(); a != nil {
		a.resolve(c)
	}
	if failed := c.failed(); failed != nil {
		return failed
	}
	return nil
}

// resolveFor resolves for one entry of the registry.
func (c *config) resolveFor(a *adapter, target protocol.Target, opts ResolveOptions) *protocol.ResolveSessionResult {
	result := &protocol.ResolveSessionResult{Kind: protocol.KindDebug}
	result.Adapter, result.Mode = a.name, a.mode
	checkCommon(c, target)
	a.resolve(c)
	if a.find != nil && c.failed() == nil && a.serverPort(c) == 0 {
		if _, missing := a.find(c, environOr(opts.Env)); missing != nil {
			c.findings = append(c.findings, missing.Diagnostic(protocol.SeverityError, "launch.type"))
		}
	}
	if a.mode == protocol.ModeLauncher && c.failed() == nil && opts.Exec != nil {
		c.join(a, opts.Exec)
	}
	result.Launch, result.Diagnostics = c.raw(), c.findings
	return result
}

// join rewrites a configuration for the editor's own adapter. One that attaches is
// rewritten already.
func (c *config) join(a *adapter, exec []string) {
	switch {
	case a.launcher != nil:
		a.launcher(c, exec)
	case c.text("request") == "launch":
		at, err := freeAddress(context.Background())
		if err != nil {
			failed := protocol.Errorf(protocol.CodeSandboxFailed, "there is no free port on 127.0.0.1 for the debugger: %w", err)
			c.findings = append(c.findings, failed.Diagnostic(protocol.SeverityError, "launch.request"))
			return
		}
		a.attach(c, int(at.Port()))
	}
}

func environOr(env []string) []string {
	if env == nil {
		return os.Environ()
	}
	return env
}

// adapter finds the entry for the configuration's type, or says what to write.
func (c *config) adapter() *adapter {
	if _, explicit := c.values["adapter"]; explicit {
		return lookup(commandType)
	}
	kind := c.text("type")
	if a := lookup(kind); a != nil {
		return a
	}
	c.findings = append(c.findings, unknownType(kind).Diagnostic(protocol.SeverityError, "launch.type"))
	return nil
}

func checkCommon(c *config, target protocol.Target) {
	switch request := c.text("request"); request {
	case "":
		c.set("request", "launch")
	case "launch", "attach":
	default:
		c.bad("request", "must be \"launch\" or \"attach\", not %q", request)
	}
	if target.LocalPort < 0 || target.LocalPort > 65535 {
		err := protocol.Errorf(protocol.CodeBadLaunch, "target, \"localPort\": %d is not a port", target.LocalPort)
		c.findings = append(c.findings, err.Diagnostic(protocol.SeverityError, "target.localPort"))
	}
	checkEnv(c, "env")
}

// checkEnv takes numbers and truth values for strings, as people write them.
func checkEnv(c *config, field string) {
	if !c.has(field) {
		return
	}
	var list []string
	if json.Unmarshal(c.values[field], &list) == nil {
		checkEnvList(c, field, list)
		return
	}
	var values map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(c.values[field])))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		c.bad(field, "must be an object of strings, such as {\"NAME\": \"value\"}, or a list such as [\"NAME=value\"], not %s", kindOf(c.values[field]))
		return
	}
	for name, value := range values {
		switch v := value.(type) {
		case nil, string:
		case json.Number, bool:
			values[name] = fmt.Sprint(v)
		default:
			c.bad(field, "the value of %s must be a string or null", name)
			return
		}
	}
	c.set(field, values)
}

// checkEnvList takes the form of a list, as lldb-vscode has it, for the other one, which can
// also unset; an adapter that is named by its command may want the list.
func checkEnvList(c *config, field string, list []string) {
	for _, entry := range list {
		if name, _, ok := strings.Cut(entry, "="); !ok || name == "" {
			c.bad(field, "%q is not NAME=value", entry)
			return
		}
	}
	if c.text("adapterEnv") == string(envList) {
		return
	}
	env := variables{}
	env.add(list, nil)
	c.set(field, env)
}
