package debug

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// children leads the editor to the debuggers of child processes: an adapter tells a port
// of its own inside the sandbox, at which the editor opens another connection. What comes
// by that one may tell of a child again.
type children struct {
	expose func(sandbox.Exposure) (int, error)
	change func(m *message, own int, expose func(port int) (int, error)) (*message, error)
	log    *slog.Logger
}

// ofChild marks a configuration that leads to the debugger of a child process.
const ofChild = "kubetunnelChild"

// leadTo makes a configuration lead to the debugger of a child process, in debugpy's form.
func leadTo(configuration json.RawMessage, port int) (json.RawMessage, error) {
	changed, err := setMember(configuration, "connect", fmt.Appendf(nil, `{"host":"127.0.0.1","port":%d}`, port))
	if err != nil {
		return nil, err
	}
	return setMember(changed, ofChild, json.RawMessage("true"))
}

// childAt is where such a configuration leads to, nil for any other.
func childAt(arguments json.RawMessage) *protocol.Endpoint {
	c, err := parseConfig(arguments, "")
	if err != nil || !c.flag(ofChild) {
		return nil
	}
	at, err := debugpyAddress(c)
	if err != nil {
		return nil
	}
	return &protocol.Endpoint{Network: "tcp", Address: net.JoinHostPort(at.Host, strconv.Itoa(at.Port))}
}

// lead changes what the adapter tells of a child. own is the adapter's own port inside.
func (c *children) lead(m *message, own int) (*message, error) {
	return c.change(m, own, func(port int) (int, error) {
		return c.expose(sandbox.Exposure{Port: port, Answers: func(to io.Writer, from io.Reader) error {
			return c.answers(to, from, port)
		}})
	})
}

// answers passes on what the debugger of a child says. port is where it was found.
func (c *children) answers(to io.Writer, from io.Reader, port int) error {
	r := bufio.NewReader(from)
	for {
		raw, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if m, err := parseMessage(raw); err == nil {
			changed, err := c.lead(m, port)
			if err != nil {
				c.log.Warn("the debugger of a child", "error", err)
			} else {
				raw = changed.raw
			}
		}
		if err := writeFrame(to, raw); err != nil {
			return err
		}
	}
}
