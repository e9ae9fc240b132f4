// Package cli is tunnel-server's command line: flags, subcommands, and what a
// person at a terminal sees of the engine. The engine comes in as a Backend.
//
// It imports protocol, server, packaging/apparmor and cobra.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server"
)

// Backend is the engine as the terminal asks it.
type Backend interface {
	server.Backend
	// Wait waits for a session's end.
	Wait(ctx context.Context, id string) (protocol.SessionInfo, error)
	// Examine tells whether a session could start, and what it would have: findings about
	// the subject that each one's field names.
	Examine(ctx context.Context, target protocol.Target) []protocol.Diagnostic
	// Revert puts a Service back from its annotation alone.
	Revert(ctx context.Context, kubeContext, namespace, service string) error
}

// Streams are standard input, output and error.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Program is what main wires.
type Program struct {
	Version string
	Streams Streams
	// Open makes the engine. Programs of process sessions have the streams of terminal
	// for their own, if it is not nil; else what they write comes as output of the session.
	Open func(kubeconfig string, terminal *Streams, log *slog.Logger) (Backend, error)
	// DAP is the debug adapter of any DAP editor.
	DAP func(ctx context.Context, opts DAPOptions) error
	// Exec runs a command in a running session's sandbox, with this process's standard
	// streams and signals, and gives its exit code. The session's name is "" for the only
	// one; variables of the names in keep stay as this process has them.
	Exec func(session string, args, keep []string) (exitCode int, err error)
}

// DAPOptions is what the DAP face needs.
type DAPOptions struct {
	Streams Streams
	// Adapter is the debug adapter's name; "" = what the editor says.
	Adapter string
	// Command is an adapter's command line, in place of its name.
	Command []string
	// Target is for launch configurations that name none; nil = those are refused.
	Target *protocol.Target
	// Start starts a session, tells its course by say, and gives its debugger's endpoint.
	Start func(ctx context.Context, target protocol.Target, launch json.RawMessage, say func(string)) (*protocol.Endpoint, error)
	// End ends it, and returns when it has ended.
	End func(ctx context.Context)
	Log *slog.Logger
}

// exitCode ends the process with a code of its own and no message.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// Main is the whole program, and gives its exit code. The first signal ends the
// work in order; a second one gives up waiting for that.
func Main(program Program, args []string) int {
	// SIGPIPE is taken so that a reader who goes (an editor, head) does not end the
	// process before its Services are back. Ignoring it would be inherited by debuggees.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	return run(program, args, signals)
}

// run is Main with signals of its own.
func run(program Program, args []string, signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	patience, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for _, end := range []func(){cancel, giveUp} {
			select {
			case <-signals:
				end()
			case <-done:
				return
			}
		}
	}()
	a := &app{Program: program, patience: patience}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(program.Streams.In)
	root.SetOut(program.Streams.Out)
	root.SetErr(program.Streams.Err)
	cmd, err := root.ExecuteContextC(ctx)
	err = errors.Join(err, a.closeLog())
	if err == nil {
		return 0
	}
	code, told := 0, false
	for _, one := range flatten(err) {
		var own exitCode
		if errors.As(one, &own) {
			code = int(own)
			continue
		}
		Explain(program.Streams.Err, one)
		told = true
	}
	if isUsage(err) {
		fmt.Fprintf(program.Streams.Err, "  → %s --help\n", cmd.CommandPath())
	}
	if told && code == 0 {
		return 1
	}
	return code
}
