package debug

import (
	"encoding/json"
	"errors"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// fromEditor takes one message of the editor.
func (p *proxy) fromEditor(m *message) {
	switch m.kind {
	case "request":
		p.editorRequest(m)
	case "response":
		p.editorResponse(m)
	default:
		if !p.adapterGone {
			p.adapter.port.pass(m, nil)
		}
	}
}

func (p *proxy) editorRequest(m *message) {
	if p.adapterGone {
		p.answerForAdapter(m)
		return
	}
	// What ends or cancels must not wait behind what is held back.
	switch m.command {
	case "disconnect", "terminate":
		p.end(m)
		return
	case "cancel":
		p.cancelRequest(m)
		return
	}
	if p.blocked > 0 {
		p.held = append(p.held, m)
		return
	}
	switch m.command {
	case "initialize":
		p.noteGreeting(m)
		p.forward(m)
	case "launch", "attach":
		p.holdLaunch(m)
	case "restart":
		p.restartRequest(m)
	default:
		p.forward(m)
	}
}

// noteGreeting keeps what the editor says it can do.
func (p *proxy) noteGreeting(m *message) {
	var can struct {
		SupportsRunInTerminalRequest bool `json:"supportsRunInTerminalRequest"`
	}
	m.arguments(&can)
	p.greeting, p.terminal = m.get("arguments"), can.SupportsRunInTerminalRequest
}

// forward passes a request on and remembers whose answer comes back.
func (p *proxy) forward(m *message) {
	passed := p.adapter.port.pass(m, nil)
	p.asked.add(passed, request{seq: m.seq, command: m.command})
}

// answerForAdapter: there is no adapter any more.
func (p *proxy) answerForAdapter(m *message) {
	if m.command == "disconnect" || m.command == "terminate" {
		response := newResponse(m)
		p.editor.send(&response)
		if m.command == "disconnect" {
			p.noteDisconnect(m)
			p.finished = true
		}
		return
	}
	err := protocol.Errorf(protocol.CodeSessionEnded, "the debugger has ended")
	err.Data.ShowUser = false
	p.editor.send(errorResponse(m, err))
}

// holdLaunch keeps a launch, and what follows it, until the session's environment is there.
func (p *proxy) holdLaunch(m *message) {
	if p.failure != nil {
		p.editor.send(errorResponse(m, p.failure))
		return
	}
	p.launch = m
	p.blocked++
	own := p.adapter.pid()
	go func() {
		pod, err := p.host.Environment(p.ctx)
		arguments := m.get("arguments")
		if err == nil && p.await != nil && m.command == "attach" {
			arguments, err = p.await(p.ctx, arguments, own)
		}
		p.post(func() {
			p.blocked--
			if p.launch != m { // cancelled meanwhile
				return
			}
			if err == nil {
				p.pod = pod
				err = p.releaseLaunch(m, arguments)
			}
			if err != nil {
				p.launchFailed(asProtocolError(err, protocol.CodeAdapterFailed))
				return
			}
			p.release()
		})
	}()
}

// releaseLaunch passes the launch on with the debuggee's environment in it.
func (p *proxy) releaseLaunch(m *message, arguments json.RawMessage) error {
	arguments, err := p.prepare(arguments, p.pod, p.terminal)
	if err != nil {
		return err
	}
	changed, err := m.replaced("arguments", arguments)
	if err != nil {
		return err
	}
	var launch struct {
		NoDebug bool `json:"noDebug"`
	}
	changed.arguments(&launch)
	p.noDebug, p.attached = launch.NoDebug, m.command == "attach"
	if p.inTerminal != nil && p.terminal && !p.attached {
		if kind := p.inTerminal(arguments); kind != "" {
			p.moveToTerminal(m, changed, kind)
			return nil
		}
	}
	p.launch = nil
	p.forward(changed)
	return nil
}

// release passes on what was held back.
func (p *proxy) release() {
	for p.blocked == 0 && len(p.held) > 0 {
		m := p.held[0]
		p.held = p.held[1:]
		p.editorRequest(m)
	}
}

// launchFailed: the session can't be had. The editor ends it when it is told.
func (p *proxy) launchFailed(err *protocol.Error) {
	p.failure = err
	p.outcome.reason = or(p.outcome.reason, err.Error())
	p.fail(err)
	p.failLaunch(err)
	p.tellTerminated(false)
	p.awaitGoodbye()
}

// failLaunch answers a launch that is held back, and what came after it.
func (p *proxy) failLaunch(err *protocol.Error) {
	if p.launch != nil {
		p.editor.send(errorResponse(p.launch, err))
		p.launch = nil
	}
	quiet := *err
	quiet.Data.ShowUser = false
	for _, m := range p.held {
		p.editor.send(errorResponse(m, &quiet))
	}
	p.held = nil
}

func (p *proxy) noteDisconnect(m *message) {
	var arguments dap.DisconnectArguments
	m.arguments(&arguments)
	if arguments.Restart {
		p.outcome.restart = true
	}
	p.outcome.reason = or(p.outcome.reason, "the editor has ended the debug session")
}

// end passes a disconnect or terminate on once new calls go to the origin.
func (p *proxy) end(m *message) {
	if m.command == "disconnect" {
		p.noteDisconnect(m)
	}
	cancelled := protocol.Errorf(protocol.CodeRequestCancelled, "cancelled")
	cancelled.Data.ShowUser = false
	p.failLaunch(cancelled)
	p.beforeEnd(func() {
		// A server whose program has ended waits for the editor's other connections.
		if p.adapterGone || p.stays && p.terminated {
			p.answerForAdapter(m)
			return
		}
		if m.command == "disconnect" {
			p.ending = true
			p.deadlineFor(p.patience)
			m = p.thorough(m)
		}
		p.forward(m)
	})
}

// thorough makes a disconnect end the debuggee: it can't live on without its session.
func (p *proxy) thorough(m *message) *message {
	arguments, err := m.get("arguments"), error(nil)
	if !p.attached || !p.outcome.restart { // what was there before is to be attached to again
		arguments, err = setMember(arguments, "terminateDebuggee", json.RawMessage("true"))
	}
	if err == nil && p.last {
		arguments, err = setMember(arguments, "restart", json.RawMessage("false"))
	}
	if err != nil {
		return m
	}
	changed, err := m.replaced("arguments", arguments)
	if err != nil {
		return m
	}
	return changed
}

// cancelRequest translates the number of the request to cancel; one that is held back is ours.
func (p *proxy) cancelRequest(m *message) {
	var arguments struct {
		RequestID *int `json:"requestId"`
	}
	m.arguments(&arguments)
	if arguments.RequestID == nil {
		p.forward(m)
		return
	}
	if p.launch != nil && p.launch.seq == *arguments.RequestID {
		response := newResponse(m)
		p.editor.send(&response)
		p.launchFailed(protocol.Errorf(protocol.CodeRequestCancelled, "cancelled"))
		return
	}
	// 0 is no request's number: what to say of one that is not open is the adapter's to know.
	passed := p.asked.passed(*arguments.RequestID)
	changed, err := setMember(m.get("arguments"), "requestId", number(passed))
	if err == nil {
		if translated, err := m.replaced("arguments", changed); err == nil {
			m = translated
		}
	}
	p.forward(m)
}

// restartRequest: the adapter starts the debuggee again by itself. A configuration in
// it is treated as that of a launch.
func (p *proxy) restartRequest(m *message) {
	p.blocked++
	p.beforeEnd(func() {
		p.blocked--
		if p.adapterGone {
			p.answerForAdapter(m)
			return
		}
		changed, err := p.restartWithEnvironment(m)
		if err != nil {
			p.editor.send(errorResponse(m, asProtocolError(err, protocol.CodeBadLaunch)))
		} else {
			p.forward(changed)
		}
		p.release()
	})
}

func (p *proxy) restartWithEnvironment(m *message) (*message, error) {
	var arguments struct {
		Arguments json.RawMessage `json:"arguments"`
	}
	m.arguments(&arguments)
	if len(arguments.Arguments) == 0 || string(arguments.Arguments) == "null" {
		return m, nil
	}
	prepared, err := p.prepare(arguments.Arguments, p.pod, p.terminal)
	if err != nil {
		return nil, err
	}
	changed, err := setMember(m.get("arguments"), "arguments", prepared)
	if err != nil {
		return nil, err
	}
	return m.replaced("arguments", changed)
}

// editorResponse goes back to the adapter's request that it belongs to.
func (p *proxy) editorResponse(m *message) {
	if p.adapterGone {
		return
	}
	if answered, ok := p.ownReversed[m.requestSeq]; ok {
		delete(p.ownReversed, m.requestSeq)
		answered(m)
		return
	}
	r, ok := p.reversed.answer(m.requestSeq)
	if !ok {
		p.log.Debug("the editor answers what nobody asked", "request_seq", m.requestSeq)
		return
	}
	p.adapter.port.pass(m, map[string]json.RawMessage{"request_seq": number(r.seq)})
}

var errNoTerminal = errors.New("the program can't be started in the editor's terminal")
