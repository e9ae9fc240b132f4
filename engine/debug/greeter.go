package debug

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// greeter is an adapter that stands in for the session's own until there is one: an
// editor that speaks DAP alone asks what the adapter can do before it names a Service.
// It runs in a sandbox without a cluster, so that it ends with this process whatever
// happens. A nil greeter answers nothing.
type greeter struct {
	adapter *runningAdapter
	box     sandbox.Sandbox
	folder  *private.Folder
	asked   requestTable
}

func startGreeter(ctx context.Context, entry *adapter, c *config) (g *greeter, err error) {
	g = &greeter{}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if g.folder, err = private.New(); err != nil {
		return g, err
	}
	if g.box, err = sandbox.New(ctx, sandbox.Config{Dir: g.folder.Path(), Mode: sandbox.ModeLoopback}, nil); err != nil {
		return g, err
	}
	g.adapter, err = adapterStart{
		box: g.box, entry: entry, config: c, dir: g.folder.Path(), env: os.Environ(), output: func(string, string) {},
	}.start(ctx)
	return g, err
}

// in is what it says.
func (g *greeter) in() <-chan *message {
	if g == nil || g.adapter == nil {
		return nil
	}
	return g.adapter.port.in
}

// ask has it answer a request; false when it can't.
func (g *greeter) ask(m *message) bool {
	if g == nil || g.adapter == nil {
		return false
	}
	g.asked.add(g.adapter.port.pass(m, nil), request{seq: m.seq, command: m.command})
	return true
}

// answer passes its answers on. What it says by itself is about itself (its ports, say):
// the session's adapter will say so too, with what holds.
func (g *greeter) answer(m *message, editor *port) {
	if m.kind != "response" {
		return
	}
	if r, ok := g.asked.answer(m.requestSeq); ok {
		editor.pass(m, map[string]json.RawMessage{"request_seq": number(r.seq)})
	}
}

// gone: it has ended by itself.
func (g *greeter) gone(editor *port) {
	for _, open := range g.asked.takeOpen() {
		to := &message{seq: open.seq, command: open.command}
		editor.send(errorResponse(to, protocol.Errorf(protocol.CodeAdapterCrashed, "the debugger has ended")))
	}
	g.adapter.end()
	g.adapter = nil
}

func (g *greeter) close() error {
	if g.adapter != nil {
		g.adapter.end()
	}
	var err error
	if g.box != nil {
		end, cancel := context.WithTimeout(context.Background(), adapterEndTime)
		defer cancel()
		err = g.box.Close(end)
	}
	if g.folder != nil {
		err = errors.Join(err, g.folder.Remove())
	}
	return err
}
