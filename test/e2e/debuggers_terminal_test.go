package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/creack/pty"
)

// screens are the terminals that an editor has opened for its debugger.
type screens struct {
	mu   sync.Mutex
	open []*exec.Cmd
}

// answer does what runInTerminal asks for.
func (s *screens) answer(command string, raw json.RawMessage) (any, error) {
	var asked struct {
		Args []string
		Cwd  string
		Env  map[string]*string
	}
	if command != "runInTerminal" {
		return nil, fmt.Errorf("%s is not supported", command)
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		return nil, err
	}
	cmd := exec.Command(asked.Args[0], asked.Args[1:]...) //nolint:gosec // what the session asks for
	cmd.Dir, cmd.Env = asked.Cwd, os.Environ()
	for name, value := range asked.Env {
		if value != nil {
			cmd.Env = append(cmd.Env, name+"="+*value)
		}
	}
	screen, err := pty.Start(cmd)
	if err != nil {
		return nil, err
	}
	go func() { _, _ = screen.WriteTo(os.Stdout) }() // ends with the program
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, cmd)
	return map[string]int{"shellProcessId": cmd.Process.Pid}, nil
}

// The program is in the editor's terminal and in the pod at once, and ends with the session.
func TestDebuggersProgramsInATerminalAreInThePod(t *testing.T) {
	for name, console := range map[string]map[string]any{
		"delve":    {"console": "integratedTerminal"},
		"debugpy":  {"console": "externalTerminal"},
		"lldb-dap": {"runInTerminal": true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			e := openEditor(ctx, t)
			d := debuggees[name]
			plain := d.launch
			d.launch = func(ctx context.Context, t *testing.T, source string) map[string]any {
				configuration := plain(ctx, t, source)
				for member, value := range console {
					configuration[member] = value
				}
				return configuration
			}
			s := d.start(ctx, t, e, name)
			var terminals screens
			s.asked = terminals.answer
			s.attach(ctx, t, e)
			s.stopAtCall(ctx, t)
			s.restart(ctx, t, e)
			s.stopAtCall(ctx, t)
			stopSession(ctx, t, e, name)
			restored()
			if len(terminals.open) != 2 {
				t.Fatalf("%d terminals were opened, want one for each start", len(terminals.open))
			}
			for _, terminal := range terminals.open {
				_ = terminal.Wait() // a signal may have ended it
			}
			d.waitOrigin(ctx, t)
			waitNothingLeft(ctx, t, shop)
		})
	}
}
