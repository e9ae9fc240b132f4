package debug

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// The proxy's patience.
const (
	// beforeEndTime bounds the host's BeforeEnd.
	beforeEndTime = 5 * time.Second
	// disconnectTime is what an adapter gets to end its debuggee.
	disconnectTime = 3 * time.Second
	// goodbyeTime is what an editor gets to say disconnect once the session has ended.
	goodbyeTime = 3 * time.Second
	flushTime   = time.Second
	// sessionEndTime bounds the wait for the session's end before the editor is told.
	sessionEndTime = 8 * time.Second
	// drainTime is how long the end of a program waits for its last output.
	drainTime = time.Second
)

// proxyConfig is what one connection of an editor is served with.
type proxyConfig struct {
	host Host
	log  *slog.Logger
	// prepare makes the adapter's launch arguments of the editor's, given the pod's
	// environment and whether the editor starts programs in a terminal.
	prepare func(arguments json.RawMessage, pod []string, terminal bool) (json.RawMessage, error)
	// await waits for what an attach is to be attached to, which is not the adapter itself, own; nil = for nothing.
	await func(ctx context.Context, arguments json.RawMessage, own int) (json.RawMessage, error)
	// inTerminal is the kind of terminal in which arguments want the adapter itself to be
	// started, "" for none, and startThere starts it by a command line that elsewhere
	// runs. Both may be nil.
	inTerminal func(arguments json.RawMessage) string
	startThere func(ctx context.Context, elsewhere func(ctx context.Context, args []string, dir string) error) (*runningAdapter, error)
	// enter gives the command line by which a terminal of the editor joins the sandbox.
	enter func(args []string) ([]string, error)
	// child changes what the adapter tells of a child process's debugger; nil: it has none.
	child func(m *message, own int) (*message, error)
	// patience is what the adapter gets to end its debuggee; 0 = disconnectTime.
	patience time.Duration
	// stays: the adapter does not end by itself after a disconnect.
	stays bool
	// last: nobody waits for the editor to come back after a restart.
	last bool
	// over ends the session, and returns when it has ended; nil = others see to that. It
	// comes before the editor is told: some kill their adapter at that word.
	over func(ctx context.Context)
}

// proxy passes DAP between one editor connection and one adapter. Its state belongs to
// run alone; everything else reaches it as a function through post.
//
// Its goroutines: the two ports'; one that waits for the environment while a launch is
// held back, and one for a BeforeEnd, both ended by ctx, which run cancels; one that waits
// for the session's end, for a bounded time.
type proxy struct {
	proxyConfig
	editor  *port
	adapter *runningAdapter
	posts   chan func()
	done    chan struct{}

	ctx    context.Context
	cancel context.CancelFunc

	// asked are the editor's requests by the number the adapter knows them under.
	asked requestTable
	// reversed are the adapter's requests by the number the editor knows them under.
	reversed requestTable
	// own are our own requests to the adapter, and ownReversed those to the editor.
	own, ownReversed map[int]func(*message)

	greeting     json.RawMessage    // the arguments of the editor's initialize
	terminal     bool               // the editor starts programs in a terminal
	attached     bool               // the debuggee was there before
	initialized  bool               // the editor has its answer to initialize
	early        []*dap.OutputEvent // what was to be shown before that
	capabilities struct {
		SupportsRestartRequest bool `json:"supportsRestartRequest"`
	}
	launch  *message   // held back or under way
	blocked int        // reasons to hold requests back
	held    []*message // in their order
	pod     []string
	noDebug bool
	failure *protocol.Error // why there is nothing to launch any more

	adapterIn   chan *message // nil once the adapter has gone, and while a goodbye is prepared
	withheld    []*message    // events since the program's exit, until the goodbye
	farewell    <-chan time.Time
	adapterGone bool
	ending      bool // a disconnect is on its way, or the debuggee has ended
	terminated  bool // the editor has been told
	// toldForAdapter: by us, or there is nobody to tell.
	toldForAdapter bool
	// disconnected: the editor has the answer to its disconnect.
	disconnected bool
	finished     bool // run is to return
	deadline     <-chan time.Time
	outcome      outcome
}

// outcome is how a connection ended.
type outcome struct {
	// restart: the editor means to come back.
	restart  bool
	exitCode *int
	reason   string
}

func newProxy(ctx context.Context, cfg proxyConfig, editor *port, adapter *runningAdapter) *proxy {
	p := &proxy{
		proxyConfig: cfg, editor: editor, adapter: adapter,
		posts: make(chan func()), done: make(chan struct{}),
		own: map[int]func(*message){}, ownReversed: map[int]func(*message){}, adapterIn: adapter.port.in,
	}
	if p.patience == 0 {
		p.patience = disconnectTime
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// run serves until editor, adapter or ctx ends. The adapter's tree has ended when it
// returns, and both connections are closed.
func (p *proxy) run() outcome {
	editorIn := p.editor.in
	ctxDone := p.ctx.Done()
	for !p.finished {
		select {
		case m, ok := <-editorIn:
			if !ok {
				editorIn = nil
				p.editorGone()
				continue
			}
			p.fromEditor(m)
		case m, ok := <-p.adapterIn:
			if !ok {
				p.adapterIn, p.adapterGone = nil, true
				p.sayGoodbye(p.adapterEnded)
				continue
			}
			p.adapterSays(m)
		case <-p.farewell:
			p.sayGoodbye(func() {})
		case f := <-p.posts:
			f()
		case <-p.deadline:
			p.deadlineOver()
		case <-ctxDone:
			ctxDone = nil
			p.outcome.reason = or(p.outcome.reason, "the session was stopped")
			p.finished = true
		}
	}
	p.cancel()
	if !p.terminated && editorIn != nil {
		p.tellTerminated(false)
	}
	flush, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	p.editor.flush(flush)
	p.editor.close()
	close(p.done)
	p.adapter.end()
	return p.outcome
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// post has run do something; false when it has ended.
func (p *proxy) post(f func()) bool {
	select {
	case p.posts <- f:
		return true
	case <-p.done:
		return false
	}
}

// output shows text to the user. Editors take no events before they know the adapter.
func (p *proxy) output(category, text string) {
	if !p.initialized {
		p.early = append(p.early, outputEvent(category, text))
		return
	}
	p.editor.send(outputEvent(category, text))
}

func (p *proxy) editorInitialized() {
	p.initialized = true
	for _, e := range p.early {
		p.editor.send(e)
	}
	p.early = nil
}

// fail tells the user about an error.
func (p *proxy) fail(err *protocol.Error) {
	p.log.Warn("debugger", "error", err)
	p.output("stderr", "kubetunnel: "+errorText(err)+"\n")
}

func (p *proxy) tellTerminated(restart bool) {
	if p.terminated {
		return
	}
	p.terminated, p.toldForAdapter = true, true
	p.editor.send(terminatedEvent(restart))
}

// awaitGoodbye gives the editor time to disconnect, then ends.
func (p *proxy) awaitGoodbye() {
	p.deadline = time.After(goodbyeTime)
}

// deadlineOver: somebody has not done what was awaited.
func (p *proxy) deadlineOver() {
	p.deadline = nil
	if p.ending {
		p.answerPending(nil) // the adapter has not
	}
	p.finished = true
}

// editorGone: nobody is there to debug for. The debuggee ends in an orderly way.
func (p *proxy) editorGone() {
	if p.ending || p.adapterGone {
		p.finished = true
		return
	}
	if err := p.editor.err; err != nil && !errors.Is(err, io.EOF) {
		var garbage *frameError
		if errors.As(err, &garbage) {
			p.fail(protocol.Errorf(protocol.CodeAdapterFailed, "the editor's side of the debug session: %w", err))
		}
	}
	p.outcome.reason = or(p.outcome.reason, "the editor has closed the debug session")
	p.terminated, p.toldForAdapter = true, true
	p.beforeEnd(func() { p.disconnectAdapter(false, func() { p.finished = true }) })
}

// beforeEnd sends new calls to the origin, then goes on with then.
func (p *proxy) beforeEnd(then func()) {
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), beforeEndTime)
		defer cancel()
		p.host.BeforeEnd(ctx)
		p.post(then)
	}()
}

// disconnectAdapter asks the adapter to end its debuggee, for a bounded time.
func (p *proxy) disconnectAdapter(restart bool, then func()) {
	p.ending = true
	if p.adapterGone {
		then()
		return
	}
	p.deadlineFor(p.patience)
	p.request("disconnect", dap.DisconnectArguments{TerminateDebuggee: true, Restart: restart}, func(*message) { then() })
}

// request sends a request of our own to the adapter.
func (p *proxy) request(command string, arguments any, answered func(*message)) {
	// The answer can't come before run takes it, so noting the number afterwards is early enough.
	p.own[p.adapter.port.send(newRequest(command, arguments))] = answered
}

// adapterEnded: its connection is closed or carries what isn't DAP.
func (p *proxy) adapterEnded() {
	own := p.own
	p.own = map[int]func(*message){}
	defer func() {
		for _, answered := range own {
			answered(nil)
		}
	}()
	if p.ending {
		p.tellTerminated(p.outcome.restart)
		p.answerPending(nil)
		p.outcome.reason = or(p.outcome.reason, "the debugger has ended")
		if p.disconnected {
			p.finished = true
		} else if p.deadline == nil {
			p.awaitGoodbye()
		}
		return
	}
	// The program may live on until the session has ended: it gets no more calls.
	p.beforeEnd(func() {})
	err := p.crash()
	p.outcome.reason = err.Error()
	p.fail(err)
	p.answerPending(err)
	p.failLaunch(err)
	p.tellTerminated(false)
	p.ending = true
	p.awaitGoodbye()
}

// crash says how the adapter went.
func (p *proxy) crash() *protocol.Error {
	var garbage *frameError
	if errors.As(p.adapter.port.err, &garbage) {
		return protocol.Errorf(protocol.CodeAdapterFailed, "the debug adapter wrote what can't be understood, so the session ends: %w", garbage)
	}
	text := ""
	select {
	case <-p.adapter.exited:
		text = fmt.Sprintf(" (exit code %d)", p.adapter.code)
	case <-time.After(200 * time.Millisecond):
	}
	if last := p.adapter.last.String(); last != "" {
		text += "; it wrote: " + last
	}
	return protocol.Errorf(protocol.CodeAdapterCrashed, "the debug adapter has ended unexpectedly, and the program with it%s", text)
}

// answerPending answers the editor's open requests: disconnect and terminate well, all
// others with the error. After an orderly end that the editor has asked for, nobody waits
// for those, and without us nobody would answer.
func (p *proxy) answerPending(err *protocol.Error) {
	var others []request
	for _, open := range p.asked.takeOpen() {
		if err != nil || open.command != "disconnect" && open.command != "terminate" {
			others = append(others, open)
			continue
		}
		response := newResponse(&message{seq: open.seq, command: open.command})
		p.editor.send(&response)
		p.disconnected = p.disconnected || open.command == "disconnect"
	}
	if err == nil {
		if p.disconnected {
			return
		}
		err = protocol.Errorf(protocol.CodeAdapterCrashed, "the debugger has ended")
		err.Data.ShowUser = false
	}
	for _, open := range others {
		p.editor.send(errorResponse(&message{seq: open.seq, command: open.command}, err))
	}
}
