package debug

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// prepared makes the launch arguments for the adapter out of the editor's: resolved
// once more (an editor may have changed them), completed for this session, and with
// the debuggee's environment in them.
func (o *Options) prepared(arguments json.RawMessage, pod []string, terminal bool) (json.RawMessage, error) {
	c, err := parseConfig(arguments, o.Folder)
	if err != nil {
		return nil, err
	}
	entry := lookup(o.Adapter)
	if entry == nil || entry.mode != protocol.ModeProxy {
		return nil, fmt.Errorf("adapter %q can't be proxied", o.Adapter)
	}
	// Editors leave out what named the adapter; what the session was started with counts.
	c.inherit(o.base)
	checkEnv(c, entry.envMember)
	entry.resolve(c)
	if failed := c.failed(); failed != nil {
		return nil, failed
	}
	if !terminal && entry.terminal != nil && entry.terminal(c) != "" {
		entry.noTerminal(c)
		o.Host.Output("console", "this editor starts nothing in a terminal: the program's output goes to the debug console, and its standard input is empty\n")
	}
	if c.attaches() {
		return c.withoutOurs(), nil // the program has its environment
	}
	if entry.finish != nil {
		entry.finish(c, o.Dir)
	}
	user, err := userVariables(c.values[entry.envMember])
	if err != nil {
		return nil, err
	}
	vars := podVariables(o.Env, pod, o.Sandbox.Environ(), user)
	if entry.builds {
		if err := shieldBuild(vars, user, o); err != nil {
			return nil, err
		}
	}
	form := entry.env
	if f := c.text("adapterEnv"); f != "" {
		form = envForm(f)
	}
	if gone := vars.gone(); len(gone) > 0 && entry.unset != nil && form == envList {
		entry.unset(c, gone)
	}
	if form == envWhole {
		vars = vars.over(o.Env)
	}
	c.set(entry.envMember, vars.encode(form))
	return c.withoutOurs(), nil
}

// withoutOurs is the configuration without what no adapter knows.
func (c *config) withoutOurs() json.RawMessage {
	for _, ours := range []string{"kubetunnel", "adapter", "adapterTransport", "adapterEnv", "adapterCwd"} {
		delete(c.values, ours)
	}
	return c.raw()
}

// inherit takes over what names the adapter, where the arguments don't say.
func (c *config) inherit(base *config) {
	if base == nil {
		return
	}
	for _, field := range []string{"type", "request", "adapter", "adapterTransport", "adapterEnv", "adapterCwd"} {
		// An editor's own name for the type means nothing to the adapter.
		if _, ok := c.values[field]; (!ok || field == "type") && base.has(field) {
			c.values[field] = base.values[field]
		}
	}
}

// shieldBuild puts the go command of the build before the debuggee's PATH: it gets
// the workstation's environment and the user's own variables, as without KubeTunnel.
func shieldBuild(vars, user variables, o *Options) error {
	shim, err := writeShim(o.Dir, user.apply(o.Env), o.Sandbox.Leave)
	if err != nil {
		return fmt.Errorf("preparing the build's environment: %w", err)
	}
	if shim == "" {
		return nil
	}
	path := getEnv(vars.apply(o.Env), "PATH")
	if path != "" {
		shim += string(filepath.ListSeparator) + path
	}
	maps.DeleteFunc(vars, func(name string, _ *string) bool { return sameName(name, "PATH") })
	vars.set("PATH", shim)
	return nil
}
