//go:build linux

package debug

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// launchOf is a launch configuration for a program of testdata.
func launchOf(t *testing.T, program string, members map[string]any) (launch, source string) {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("testdata", program))
	if err != nil {
		t.Fatal(err)
	}
	members["request"], members["program"] = "launch", source
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), source
}

// initializeFor is what an editor says first that begins a session for each process.
func (e *editor) initializeFor(adapter string) {
	e.t.Helper()
	e.call("initialize", map[string]any{
		"clientID": "test", "adapterID": adapter, "supportsStartDebuggingRequest": true,
		"pathFormat": "path", "linesStartAt1": true, "columnsStartAt1": true,
	})
}

// askedForChild waits until the adapter asks for a session of a process, and says yes.
func (e *editor) askedForChild() *message {
	e.t.Helper()
	request := e.wait("startDebugging", func(m *message) bool { return m.kind == "request" && m.command == "startDebugging" })
	response := newResponse(request)
	e.port.send(&response)
	return request
}

// dialChild opens the connection to the debugger of the process for which the adapter has asked.
func (e *editor) dialChild(asked *message) *editor {
	e.t.Helper()
	var told struct {
		Configuration struct {
			Connect struct {
				Host string `json:"host"`
				Port int    `json:"port"`
			} `json:"connect"`
		} `json:"configuration"`
	}
	asked.arguments(&told)
	at := told.Configuration.Connect
	if at.Port == 0 {
		e.t.Fatalf("asked for %s", asked.raw)
	}
	return dialEditor(e.t, &protocol.Endpoint{Network: "tcp", Address: net.JoinHostPort(at.Host, strconv.Itoa(at.Port))})
}

// begin is the course from initialize to configurationDone of a session that an adapter has
// asked for, by launch or attach.
func (e *editor) begin(asked *message, by, adapter, source string, line int) {
	e.t.Helper()
	var how struct{ Request string }
	asked.arguments(&how)
	if how.Request != by {
		e.t.Fatalf("asked for %s", asked.raw)
	}
	e.initializeFor(adapter)
	begun := e.request(by, rawMember(e.t, asked, "configuration"))
	e.event("initialized")
	e.configure(source, line)
	if m := e.answer(begun); !m.success {
		e.t.Fatalf("%s: %s", by, m.raw)
	}
}

// rawMember is a member of a message's arguments, as it stands there.
func rawMember(t *testing.T, m *message, member string) json.RawMessage {
	t.Helper()
	value := rawObject(m.get("arguments"))[member]
	if value == nil {
		t.Fatalf("no %s in %s", member, m.raw)
	}
	return value
}
