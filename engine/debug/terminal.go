package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// An adapter that asks for no terminal (Delve) is started in one of the editor's itself,
// so that its debuggee has it: when the launch wants it, a second one takes the place of
// the one that has answered initialize.

// wantsTerminal is the kind of terminal that launch arguments want.
func (o *Options) wantsTerminal(arguments json.RawMessage) string {
	c, err := parseConfig(arguments, o.Folder)
	if err != nil {
		return ""
	}
	return lookup(o.Adapter).terminal(c)
}

// startThere starts an adapter by a command line that joins the sandbox.
func (o *Options) startThere(ctx context.Context, elsewhere func(context.Context, []string, string) error) (*runningAdapter, error) {
	start := o.start(func(string, string) {})
	start.elsewhere = elsewhere
	return start.start(ctx)
}

// moveToTerminal has the editor start the adapter, and then passes the launch on to
// it. A goroutine waits for that; it ends with ctx.
func (p *proxy) moveToTerminal(original, launch *message, kind string) {
	p.blocked++
	greeting := p.greeting
	go func() {
		adapter, err := p.startThere(p.ctx, func(ctx context.Context, args []string, dir string) error {
			return p.askTerminal(ctx, kind, args, dir)
		})
		if err == nil {
			if _, err = greetAdapter(p.ctx, adapter.port, greeting, nil); err != nil {
				adapter.end()
			}
		}
		taken := p.post(func() {
			p.blocked--
			switch {
			case p.launch != original: // cancelled meanwhile
				if err == nil {
					adapter.end()
				}
			case err != nil:
				p.launchFailed(asProtocolError(err, protocol.CodeAdapterFailed))
			default:
				p.replaceAdapter(adapter)
				p.launch = nil
				p.forward(launch)
				p.release()
			}
		})
		if !taken && err == nil {
			adapter.end()
		}
	}()
}

// replaceAdapter goes on with another adapter, of which nothing was asked yet but to
// initialize.
func (p *proxy) replaceAdapter(adapter *runningAdapter) {
	former := p.adapter
	p.adapter, p.adapterIn = adapter, adapter.port.in
	p.asked = requestTable{}
	former.end()
}

// askTerminal has the editor run a command line in a terminal. It is called by other
// goroutines than run.
func (p *proxy) askTerminal(ctx context.Context, kind string, args []string, dir string) error {
	answered := make(chan *message, 1)
	asked := p.post(func() {
		request := newRequest("runInTerminal", dap.RunInTerminalRequestArguments{Kind: kind, Title: "KubeTunnel", Cwd: dir, Args: args})
		p.ownReversed[p.editor.send(request)] = func(m *message) { answered <- m }
	})
	if !asked {
		return context.Canceled
	}
	select {
	case m := <-answered:
		if m.success {
			return nil
		}
		var text string
		_ = json.Unmarshal(m.get("message"), &text) // "" when it is no string
		return fmt.Errorf("%w: %w", errNoTerminal, errors.New(or(text, "the editor refuses")))
	case <-p.done:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
}
