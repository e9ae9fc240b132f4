package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Debugger is a session's debugger: an endpoint for the editor, and behind each of
// the editor's connections an adapter in the sandbox.
//
// Its goroutine, serve, takes one connection after the other and runs its proxy; it
// ends with the debuggee, with the editor that does not come (back), or with Close.
type Debugger struct {
	opts     Options
	endpoint protocol.Endpoint
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{}

	mu       sync.Mutex
	current  *proxy
	ending   string          // why no further connection is taken
	failed   *protocol.Error // told to whoever connects
	early    []string        // console text before an editor was there
	reason   string
	exitCode *int
	stopped  chan struct{} // closed with ending
}

// New prepares a debugger: the endpoint listens, the adapter starts when the editor connects.
func New(opts Options) (*Debugger, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	listener, endpoint, err := listenEndpoint(opts.Dir)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeAdapterFailed, "the debugger's endpoint can't be made in %s: %w", opts.Dir, err)
	}
	d := &Debugger{
		opts: opts, endpoint: endpoint, listener: listener,
		done: make(chan struct{}), stopped: make(chan struct{}),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	go d.serve()
	return d, nil
}

// Endpoint is where the editor speaks DAP.
func (d *Debugger) Endpoint() *protocol.Endpoint { return &d.endpoint }

// Done is closed when the debugger has ended for good.
func (d *Debugger) Done() <-chan struct{} { return d.done }

// Result tells how it ended; exitCode is the debuggee's, when it is known.
func (d *Debugger) Result() (reason string, exitCode *int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reason, d.exitCode, nil
}

// Output shows text in the editor's debug console, also when it connects later.
func (d *Debugger) Output(text string) {
	d.mu.Lock()
	current := d.current
	if current == nil {
		d.early = append(d.early, text)
	}
	d.mu.Unlock()
	if current != nil {
		current.say("console", text)
	}
}

// Restart starts the debuggee again.
func (d *Debugger) Restart(ctx context.Context) error {
	d.mu.Lock()
	current := d.current
	d.mu.Unlock()
	if current == nil {
		return protocol.Errorf(protocol.CodeAdapterFailed, "no editor is connected to the debugger: there is nothing to start again")
	}
	if err := current.restart(ctx); err != nil {
		return protocol.Errorf(protocol.CodeAdapterFailed, "the program can't be started again: %w", err)
	}
	return nil
}

// Terminate ends the debuggee in an orderly way, bounded by ctx; what is left is the
// sandbox's to kill. It may be called twice.
func (d *Debugger) Terminate(ctx context.Context) {
	current := d.endWith("the session was stopped", nil)
	if current != nil {
		current.terminate("the session was stopped")
	}
	select {
	case <-d.done:
	case <-ctx.Done():
	}
}

// Fail tells the editor that the session can't be had: now, or when it connects.
func (d *Debugger) Fail(err error) {
	numbered := asProtocolError(err, protocol.CodeAdapterFailed)
	d.mu.Lock()
	current := d.current
	d.failed = numbered
	d.mu.Unlock()
	if current != nil {
		current.abort(numbered)
	}
}

// endWith notes that no further connection is taken, and gives the one that is served.
func (d *Debugger) endWith(reason string, exitCode *int) *proxy {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending == "" {
		d.ending = reason
		d.reason, d.exitCode = reason, exitCode
		close(d.stopped)
	}
	if d.current == nil {
		d.cancel() // nothing to end in an orderly way, perhaps an adapter that is being started
	}
	return d.current
}

// Close ends everything at once. It may be called twice.
func (d *Debugger) Close() error {
	d.endWith("the session was stopped", nil)
	d.cancel()
	<-d.done
	return nil
}

// serve takes the editor's connections, one at a time.
func (d *Debugger) serve() {
	defer close(d.done)
	defer d.cancel()
	accepted := make(chan net.Conn)
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		d.accept(accepted)
	}()
	defer func() {
		_ = d.listener.Close()
		<-accepting
	}()
	patience, missing := d.opts.ConnectTime, "no editor has connected to the debugger"
	for {
		timer := time.NewTimer(patience)
		select {
		case conn := <-accepted:
			timer.Stop()
			out := d.connection(conn)
			if !out.restart {
				d.endWith(out.reason, out.exitCode)
				return
			}
			patience, missing = d.opts.Linger, "the editor did not come back after a restart"
		case <-timer.C:
			d.endWith(missing, nil)
			return
		case <-d.stopped:
			timer.Stop()
			return
		}
	}
}

func (d *Debugger) accept(accepted chan<- net.Conn) {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				d.endWith("the debugger's endpoint has failed: "+err.Error(), nil)
			}
			return
		}
		select {
		case accepted <- conn:
		case <-d.ctx.Done():
			_ = conn.Close()
			return
		}
	}
}

// connection serves one connection of the editor with an adapter of its own.
func (d *Debugger) connection(conn net.Conn) outcome {
	editor := newPort(conn)
	var p *proxy
	// What the adapter writes before the proxy is there waits for it.
	ready := make(chan struct{})
	output := func(category, text string) {
		<-ready
		if p != nil {
			p.say(category, text)
		}
	}
	start := d.opts.start(output)
	if port := start.entry.serverPort(start.config); port != 0 {
		d.opts.Host.Output("console", fmt.Sprintf("waiting for the debug server on port %d of the session\n", port))
	}
	started, said, err := d.startFor(editor, start)
	if err == nil {
		p = newProxy(d.ctx, d.proxyConfig(), editor, started)
	}
	close(ready)
	if err != nil {
		return refuse(d.ctx, editor, said, asProtocolError(err, protocol.CodeAdapterFailed))
	}
	if d.enroll(p) {
		go p.terminate("the session was stopped")
	}
	defer d.enroll(nil)
	for _, m := range said {
		p.fromEditor(m)
	}
	return p.run()
}

// startFor starts the adapter, and gives what the editor has said meanwhile. One that
// goes, or says that it goes, is not kept waiting.
func (d *Debugger) startFor(editor *port, start adapterStart) (started *runningAdapter, said []*message, err error) {
	ctx, cancel := context.WithCancel(d.ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		started, err = start.start(ctx)
	}()
	editorIn := editor.in
	for {
		select {
		case <-done:
			if err != nil && ctx.Err() != nil && d.ctx.Err() == nil {
				cancelled := protocol.Errorf(protocol.CodeRequestCancelled, "the editor has ended the debug session")
				cancelled.Data.ShowUser = false
				err = cancelled
			}
			return started, said, err
		case m, ok := <-editorIn:
			if !ok {
				editorIn = nil
				cancel()
				continue
			}
			said = append(said, m)
			if m.kind == "request" && (m.command == "disconnect" || m.command == "terminate") {
				cancel()
			}
		}
	}
}

// enroll notes the connection that is served, before it runs; true when the debugger is ending.
func (d *Debugger) enroll(p *proxy) (ending bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = p
	if p != nil {
		for _, text := range d.early {
			p.output("console", text)
		}
		d.early = nil
	}
	return d.ending != ""
}

func (d *Debugger) proxyConfig() proxyConfig {
	cfg := d.opts.proxyConfig()
	prepare := cfg.prepare
	cfg.prepare = func(arguments json.RawMessage, pod []string, terminal bool) (json.RawMessage, error) {
		d.mu.Lock()
		failed := d.failed
		d.mu.Unlock()
		if failed != nil {
			return nil, failed
		}
		return prepare(arguments, pod, terminal)
	}
	return cfg
}
