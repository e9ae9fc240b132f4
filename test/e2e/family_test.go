package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-dap"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
)

// family are the debug sessions of a program's processes: the editor begins each when a
// debugger asks for it. Goroutines: one for each session, which ends with its connection.
type family struct {
	ctx   context.Context
	t     *testing.T
	of    *debugged
	stops chan stop
	// dial begins a debugger for a session; nil = it is where the configuration says.
	dial func() (*servertest.Debugger, error)
	// joined has a word for each session that has begun.
	joined chan struct{}

	mu   sync.Mutex
	said []string
}

// stop is a process that stands still.
type stop struct {
	debugger *servertest.Debugger
	event    *dap.StoppedEvent
}

func newFamily(ctx context.Context, t *testing.T, of *debugged) *family {
	return &family{ctx: ctx, t: t, of: of, stops: make(chan stop, 16), joined: make(chan struct{}, 64)}
}

// asked answers a debugger. It must not wait for the new session, which may come by the
// same debugger.
func (f *family) asked(command string, arguments json.RawMessage) (any, error) {
	if command != "startDebugging" {
		return nil, errors.ErrUnsupported
	}
	var asked struct {
		Request       string
		Configuration map[string]any
	}
	if err := json.Unmarshal(arguments, &asked); err != nil {
		return nil, err
	}
	f.say("asked for %s", arguments)
	asked.Configuration["request"] = asked.Request
	go f.join(asked.Configuration)
	return nil, nil
}

// join is one session.
func (f *family) join(configuration map[string]any) {
	d, err := f.begin(configuration)
	if err != nil {
		f.say("%v: %v", configuration["name"], err) // a process that is gone already
		return
	}
	f.joined <- struct{}{}
	for {
		event, err := d.WaitStopped(f.ctx)
		if err != nil {
			// js-debug ends its first session only when all others have said so.
			_ = d.Disconnect(f.ctx, false)
			_ = d.Close()
			return
		}
		f.stops <- stop{d, event}
	}
}

// begin connects to where the configuration says, or else to where the first debugger is.
func (f *family) begin(configuration map[string]any) (*servertest.Debugger, error) {
	dial := f.dial
	if dial == nil {
		endpoint := f.of.endpoint
		if at, ok := configuration["connect"].(map[string]any); ok {
			host, _ := at["host"].(string)
			port, _ := at["port"].(float64)
			endpoint = &protocol.Endpoint{Network: "tcp", Address: net.JoinHostPort(host, strconv.Itoa(int(port)))}
		}
		dial = func() (*servertest.Debugger, error) { return servertest.DialDAP(f.ctx, endpoint) }
	}
	d, err := dial()
	if err != nil {
		return nil, err
	}
	f.t.Cleanup(func() { _ = d.Close() })
	d.OnRequest(f.asked)
	return d, d.Launch(f.ctx, configuration, f.of.path, f.of.line)
}

// stopped waits until one of the processes stands still.
func (f *family) stopped(ctx context.Context) (*servertest.Debugger, *dap.StoppedEvent, error) {
	select {
	case s := <-f.stops:
		return s.debugger, s.event, nil
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("no process has stopped: %w\n%s", ctx.Err(), f.told())
	}
}

// more waits until that many sessions more have begun.
func (f *family) more(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-f.joined:
		case <-ctx.Done():
			t.Fatalf("no more sessions: %v\n%s", ctx.Err(), f.told())
		}
	}
}

func (f *family) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

// told is what has happened so far.
func (f *family) told() string {
	if f == nil {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.said, "\n")
}
