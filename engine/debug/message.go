package debug

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/go-dap"
)

// message is a DAP message as it came, with what the proxy looks at.
type message struct {
	raw     []byte
	members []member

	seq        int
	kind       string // request, response, event, or something newer
	command    string
	event      string
	requestSeq int
	success    bool
}

// parseMessage looks at a message's head. Types, commands and events that nobody
// here knows are fine.
func parseMessage(raw []byte) (*message, error) {
	all, err := members(raw)
	if err != nil {
		return nil, err
	}
	m := &message{raw: raw, members: all}
	for name, into := range map[string]any{
		"seq": &m.seq, "type": &m.kind, "command": &m.command, "event": &m.event,
		"request_seq": &m.requestSeq, "success": &m.success,
	} {
		value := find(raw, all, name)
		if value == nil {
			continue
		}
		if err := json.Unmarshal(value, into); err != nil {
			return nil, fmt.Errorf("member %q: %w", name, err)
		}
	}
	if m.kind == "" {
		return nil, fmt.Errorf("member %q is missing", "type")
	}
	return m, nil
}

func (m *message) get(name string) json.RawMessage { return find(m.raw, m.members, name) }

// arguments decodes a request's arguments leniently: what does not fit stays zero.
func (m *message) arguments(into any) {
	if value := m.get("arguments"); value != nil {
		_ = json.Unmarshal(value, into)
	}
}

// body decodes an event's or response's body in the same way.
func (m *message) body(into any) {
	if value := m.get("body"); value != nil {
		_ = json.Unmarshal(value, into)
	}
}

// with gives the message's text with other values.
func (m *message) with(values map[string]json.RawMessage) []byte {
	return setMembers(m.raw, m.members, values)
}

// replaced gives the same message with another value of one member.
func (m *message) replaced(name string, value json.RawMessage) (*message, error) {
	return parseMessage(m.with(map[string]json.RawMessage{name: value}))
}

func number(n int) json.RawMessage { return json.RawMessage(strconv.Itoa(n)) }

// encode encodes a message of our own. Its types can always be encoded.
func encode(m any) []byte {
	raw, err := json.Marshal(m)
	if err != nil {
		return []byte(`{"type":"event","event":"output","body":{"category":"console","output":"kubetunnel: a message could not be encoded\n"}}`)
	}
	return raw
}

func newEvent(name string) dap.Event {
	return dap.Event{ProtocolMessage: dap.ProtocolMessage{Type: "event"}, Event: name}
}

func outputEvent(category, text string) *dap.OutputEvent {
	return &dap.OutputEvent{Event: newEvent("output"), Body: dap.OutputEventBody{Category: category, Output: text}}
}

func terminatedEvent(restart bool) *dap.TerminatedEvent {
	e := &dap.TerminatedEvent{Event: newEvent("terminated")}
	if restart {
		e.Body.Restart = json.RawMessage("true")
	}
	return e
}

func newRequest(command string, arguments any) map[string]any {
	return map[string]any{"type": "request", "command": command, "arguments": arguments}
}

func newResponse(to *message) dap.Response {
	return dap.Response{
		ProtocolMessage: dap.ProtocolMessage{Type: "response"},
		RequestSeq:      to.seq, Success: true, Command: to.command,
	}
}
