package debug

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// fromAdapter takes one message of the adapter.
func (p *proxy) fromAdapter(m *message) {
	if p.child != nil {
		changed, err := p.child(m, p.adapter.listens)
		if err != nil {
			p.fail(asProtocolError(err, protocol.CodeSandboxLimit))
		} else {
			m = changed
		}
	}
	switch m.kind {
	case "response":
		p.adapterResponse(m)
	case "event":
		p.adapterEvent(m)
	case "request":
		p.adapterRequest(m)
	default:
		p.editor.pass(m, nil)
	}
}

func (p *proxy) adapterResponse(m *message) {
	if answered, ok := p.own[m.requestSeq]; ok {
		delete(p.own, m.requestSeq)
		answered(m)
		return
	}
	r, ok := p.asked.answer(m.requestSeq)
	if !ok {
		p.log.Debug("the adapter answers what nobody asked", "request_seq", m.requestSeq, "command", m.command)
		return
	}
	p.editor.pass(m, map[string]json.RawMessage{"request_seq": number(r.seq)})
	switch r.command {
	case "initialize":
		m.body(&p.capabilities)
		p.editorInitialized()
	case "launch", "attach":
		if !m.success {
			p.outcome.reason = or(p.outcome.reason, "the program could not be launched")
		}
	case "terminate":
		p.ending = p.ending || m.success
	case "disconnect":
		// Most adapters end now, some after a last event; some (debugpy) only when they are
		// left: there is nothing more to come once the end was told.
		p.ending, p.disconnected = true, true
		p.finished = p.stays
		p.deadlineFor(p.patience)
		p.finished = p.finished || p.terminated
	}
}

func (p *proxy) deadlineFor(d time.Duration) { p.deadline = time.After(d) }

func (p *proxy) adapterEvent(m *message) {
	switch m.event {
	case "exited":
		var body dap.ExitedEventBody
		m.body(&body)
		p.outcome.exitCode = &body.ExitCode
		p.outcome.reason = or(p.outcome.reason, fmt.Sprintf("the program has ended with exit code %d", body.ExitCode))
	case "terminated":
		if p.toldForAdapter {
			return
		}
		p.terminated = true // some say so twice
		var body dap.TerminatedEventBody
		m.body(&body)
		if restart := string(body.Restart); restart != "" && restart != "null" && restart != "false" {
			p.outcome.restart = true
		}
		p.outcome.reason = or(p.outcome.reason, "the program has ended")
		if !p.ending {
			p.ending = true
			p.awaitGoodbye()
		}
	case "stopped":
		if p.ending {
			return // Delve halts what it ends; an editor that restarts would take it for the next process
		}
	case "capabilities":
		var body struct {
			Capabilities json.RawMessage `json:"capabilities"`
		}
		m.body(&body)
		if body.Capabilities != nil {
			_ = json.Unmarshal(body.Capabilities, &p.capabilities)
		}
	case "progressStart":
		if changed := p.translateProgress(m); changed != nil {
			m = changed
		}
	}
	p.editor.pass(m, nil)
	if m.event == "terminated" && p.disconnected {
		p.finished = true
	}
}

// translateProgress gives the request that a progress belongs to by the editor's number.
func (p *proxy) translateProgress(m *message) *message {
	var body struct {
		RequestID *int `json:"requestId"`
	}
	m.body(&body)
	if body.RequestID == nil {
		return nil
	}
	original, ok := p.asked.original(*body.RequestID)
	if !ok {
		return nil
	}
	changed, err := setMember(m.get("body"), "requestId", number(original))
	if err != nil {
		return nil
	}
	translated, err := m.replaced("body", changed)
	if err != nil {
		return nil
	}
	return translated
}

// adapterRequest is a reverse request. A program for the editor's terminal is started
// by a command line that joins the sandbox.
func (p *proxy) adapterRequest(m *message) {
	if m.command == "runInTerminal" {
		changed, err := p.enterTerminal(m)
		if err != nil {
			numbered := asProtocolError(err, protocol.CodeSandboxLimit)
			p.fail(numbered)
			p.adapter.port.send(errorResponse(m, numbered))
			return
		}
		m = changed
	}
	passed := p.editor.pass(m, nil)
	p.reversed.add(passed, request{seq: m.seq, command: m.command})
}

func (p *proxy) enterTerminal(m *message) (*message, error) {
	var arguments struct {
		Args []string `json:"args"`
		// A shell would take the words apart again.
		Shell bool `json:"argsCanBeInterpretedByShell"`
	}
	m.arguments(&arguments)
	args := arguments.Args
	if arguments.Shell && len(args) > 0 {
		args = []string{"/bin/sh", "-c", strings.Join(args, " ")}
	}
	entered, err := p.enter(args)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTerminal, err)
	}
	encoded, err := json.Marshal(entered)
	if err != nil {
		return nil, err
	}
	changed, err := setMember(m.get("arguments"), "args", encoded)
	if err != nil {
		return nil, err
	}
	if arguments.Shell {
		if changed, err = setMember(changed, "argsCanBeInterpretedByShell", json.RawMessage("false")); err != nil {
			return nil, err
		}
	}
	return m.replaced("arguments", changed)
}
