package debug

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Attaching is to what runs in the session: what runs elsewhere can't be moved into it.
// Programs are started there by `tunnel-server exec`, before or after the debugger asks.

const (
	// attachTime is how long an attach waits for its program or its debug server.
	attachTime = time.Minute
	// attachTick is how often it looks.
	attachTick = 50 * time.Millisecond
)

// startInside says how a program gets where it can be attached to.
const startInside = "start it in the session: tunnel-server exec -- PROGRAM"

// notMoved says what to do instead of attaching to a process of the workstation.
func notMoved(command string, port int) string {
	return fmt.Sprintf("a running process can't be moved into a session: use \"launch\", so that the program is started with the pod's environment and network; or start it by tunnel-server run --service NAME --expose %d -- %s, and attach to 127.0.0.1:%d by a configuration without a target", port, command, port)
}

// insideHosts are names of where a debug server inside the sandbox may be said to listen.
var insideHosts = []string{"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}

// checkServer checks the port and the host of a debug server.
func checkServer(c *config, field, host string, port int) {
	if port <= 0 || port > 65535 {
		c.bad(field, "%d is not a port: write the one on which the debug server listens in the session", port)
	}
	for _, inside := range insideHosts {
		if host == inside {
			return
		}
	}
	c.bad(field, "the debug server must be in the session, on 127.0.0.1, not on %s: %s", host, startInside)
}

// checkProcess checks the member that names a process: its number, or its name.
func checkProcess(c *config, field string) {
	if !c.has(field) {
		return
	}
	var number int
	var name string
	switch raw := c.values[field]; {
	case json.Unmarshal(raw, &number) == nil && number > 0:
	case json.Unmarshal(raw, &name) == nil && strings.Contains(name, "${"):
		c.bad(field, "%q has not been replaced by the editor: write the program's name, such as \"server\"", name)
	case json.Unmarshal(raw, &name) == nil && name != "":
	default:
		c.bad(field, "must be the number or the name of a process in the session, not %s", kindOf(raw))
	}
}

// awaitProcess waits until the process that an attach names is there, and gives the
// arguments with its number as the adapter knows it. The adapter itself, own, is never meant.
func (o *Options) awaitProcess(ctx context.Context, arguments json.RawMessage, own int) (json.RawMessage, error) {
	field := lookup(o.Adapter).process
	c, err := parseConfig(arguments, o.Folder)
	if err != nil || field == "" || !c.has(field) {
		return arguments, err
	}
	checkProcess(c, field)
	if failed := c.failed(); failed != nil {
		return nil, failed
	}
	wanted := strings.Trim(string(c.values[field]), `"`)
	timer := time.NewTimer(attachTime)
	defer timer.Stop()
	tick := time.NewTicker(attachTick)
	defer tick.Stop()
	for told := false; ; {
		running := slices.DeleteFunc(o.Sandbox.Processes(), func(p sandbox.Running) bool { return p.PID == own })
		if pid := processNamed(running, wanted); pid != 0 {
			return setMember(arguments, field, number(pid))
		}
		if !told {
			told = true
			o.Host.Output("console", fmt.Sprintf("waiting for the process %s in the session\n", wanted))
		}
		select {
		case <-tick.C:
		case <-timer.C:
			return nil, protocol.Errorf(protocol.CodeBadLaunch, "launch configuration, %q: no process %s runs in the session%s: %s",
				field, wanted, among(running), startInside)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// processNamed finds a process by its number as the workstation knows it, which is what a
// picker of the editor gives, by the one that it has inside, or by its name: the oldest.
// Its program's own name goes before the others.
func processNamed(running []sandbox.Running, wanted string) int {
	if number, err := strconv.Atoi(wanted); err == nil {
		inside := 0
		for _, p := range running {
			switch number {
			case p.Outside:
				return p.PID
			case p.PID:
				inside = p.PID
			}
		}
		return inside
	}
	for _, p := range running {
		if p.Name == wanted {
			return p.PID
		}
	}
	for _, p := range running {
		if slices.Contains(p.Also, wanted) {
			return p.PID
		}
	}
	return 0
}

// among lists what runs, for the one who has named something else.
func among(running []sandbox.Running) string {
	var names []string
	for _, p := range running {
		names = append(names, fmt.Sprintf("%s (%d)", p.Name, p.PID))
	}
	if len(names) == 0 {
		return ""
	}
	return ", but " + strings.Join(names, ", ")
}
