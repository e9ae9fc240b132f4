package debug

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Options is what a debugger is made from.
type Options struct {
	Sandbox sandbox.Sandbox
	// Adapter is the registry's entry, ResolveSessionResult.Adapter; "" = by the type of Launch.
	Adapter string
	// Launch is the launch configuration. The editor sends it again, perhaps changed.
	Launch json.RawMessage
	// Dir is the session's private folder (0700), removed by the caller.
	Dir string
	// Folder is the workspace folder for relative paths; "" when there is none.
	Folder string
	Host   Host
	Log    *slog.Logger
	// Env is the workstation's environment; nil = this process's.
	Env []string
	// Linger is how long the session waits for the editor to come back after a restart; 0 = 30 s.
	Linger time.Duration
	// ConnectTime is how long the editor may take to connect; 0 = 60 s.
	ConnectTime time.Duration

	base *config
}

func (o *Options) complete() error {
	if o.Sandbox == nil || o.Host == nil || o.Dir == "" {
		return errors.New("a debugger needs a sandbox, a host and a folder")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Linger == 0 {
		o.Linger = 30 * time.Second
	}
	if o.ConnectTime == 0 {
		o.ConnectTime = time.Minute
	}
	c, err := parseConfig(o.Launch, o.Folder)
	if err != nil {
		return err
	}
	entry := lookup(o.Adapter)
	if o.Adapter == "" {
		entry = c.adapter()
	}
	if entry == nil {
		if failed := c.failed(); failed != nil {
			return failed
		}
		return protocol.Errorf(protocol.CodeUnknownAdapter, "there is no debug adapter %q here", o.Adapter)
	}
	if entry.mode != protocol.ModeProxy {
		return protocol.Errorf(protocol.CodeUnknownAdapter, "the debug adapter %q lives in the editor: there is nothing to proxy", entry.name)
	}
	o.Adapter = entry.name
	checkCommon(c, protocol.Target{})
	spoken := c.values["type"]
	entry.resolve(c)
	if failed := c.failed(); failed != nil {
		return failed
	}
	if spoken != nil {
		c.values["type"] = spoken // the editor sends what was written, to be translated again
	}
	o.base = c
	return nil
}

// start is how this session's adapter is started.
func (o *Options) start(output func(category, text string)) adapterStart {
	return adapterStart{
		box: o.Sandbox, entry: lookup(o.Adapter), config: o.base, dir: o.Dir, env: o.Env, output: output,
	}
}

func (o *Options) proxyConfig() proxyConfig {
	entry := lookup(o.Adapter)
	cfg := proxyConfig{host: o.Host, log: o.Log, prepare: o.prepared, await: o.awaitProcess, enter: o.Sandbox.Enter, stays: entry.stays}
	if entry.inTerminal {
		cfg.inTerminal, cfg.startThere = o.wantsTerminal, o.startThere
	}
	if entry.child != nil {
		cfg.child = (&children{expose: o.Sandbox.Expose, change: entry.child, log: o.Log}).lead
	}
	return cfg
}
