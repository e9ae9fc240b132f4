package debug

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// ProcessOptions is what a command without a debugger is run from.
type ProcessOptions struct {
	Sandbox sandbox.Sandbox
	Command protocol.Command
	Host    Host
	Log     *slog.Logger
	// Env is the workstation's environment; nil = this process's.
	Env []string
}

// Process is a session's command without a debugger. Its goroutine, run, starts
// it as soon as the environment is there, starts it again when Restart asks, and
// ends when it has ended, or by Close.
type Process struct {
	opts   ProcessOptions
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	again  chan chan error

	mu       sync.Mutex
	running  sandbox.Process
	reason   string
	exitCode *int
}

// killGrace is how long a program may take to end after SIGTERM.
const killGrace = 2 * time.Second

// NewProcess prepares a command; it starts when the app's environment is there.
func NewProcess(opts ProcessOptions) (*Process, error) {
	if opts.Sandbox == nil || opts.Host == nil || len(opts.Command.Args) == 0 {
		return nil, errors.New("a process needs a sandbox, a host and a command")
	}
	if opts.Env == nil {
		opts.Env = os.Environ()
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Process{opts: opts, ctx: ctx, cancel: cancel, done: make(chan struct{}), again: make(chan chan error)}
	go p.run()
	return p, nil
}

// Endpoint is nil: nobody speaks DAP to a command.
func (p *Process) Endpoint() *protocol.Endpoint { return nil }

// Done is closed when the command has ended for good.
func (p *Process) Done() <-chan struct{} { return p.done }

// Result tells how it ended, once Done is closed.
func (p *Process) Result() (reason string, exitCode *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason, p.exitCode
}

func (p *Process) end(reason string, exitCode *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reason, p.exitCode = reason, exitCode
}

func (p *Process) run() {
	defer close(p.done)
	pod, err := p.opts.Host.Environment(p.ctx)
	if err != nil {
		p.end(err.Error(), nil)
		return
	}
	env := MergeEnvironment(p.opts.Env, pod, p.opts.Sandbox.Environ(), p.opts.Command.Env)
	for answer := (chan error)(nil); ; {
		process, err := p.start(env)
		if answer != nil {
			answer <- err
		}
		if err != nil {
			p.opts.Host.Output("stderr", err.Error()+"\n")
			p.end(err.Error(), nil)
			return
		}
		if answer = p.wait(process); answer == nil {
			return
		}
	}
}

func (p *Process) start(env []string) (sandbox.Process, error) {
	c := p.opts.Command
	process, err := p.opts.Sandbox.Start(p.ctx, sandbox.Command{
		Args: c.Args, Dir: c.Cwd, Env: env, Stdout: output{p.opts.Host, "stdout"}, Stderr: output{p.opts.Host, "stderr"},
	})
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeProcessStartFailed, "%q can't be started: %w", c.Args[0], err).At(protocol.StageDebugger)
	}
	p.mu.Lock()
	p.running = process
	p.mu.Unlock()
	return process, nil
}

// wait waits for the process's end. It returns the channel to answer when it is
// to be started again, nil when it has ended for good.
func (p *Process) wait(process sandbox.Process) (again chan error) {
	ended := make(chan struct{})
	var code int
	var err error
	go func() {
		defer close(ended)
		code, err = process.Wait(p.ctx)
	}()
	select {
	case <-ended:
		if err != nil {
			p.end(err.Error(), nil)
			return nil
		}
		p.end(fmt.Sprintf("the program ended with code %d", code), &code)
		return nil
	case again = <-p.again:
		p.stop(p.ctx, process)
		<-ended
		return again
	}
}

// stop ends the process itself; what it has left behind ends with the sandbox.
func (p *Process) stop(ctx context.Context, process sandbox.Process) {
	_ = process.Signal(terminateSignal)
	ctx, cancel := context.WithTimeout(ctx, killGrace)
	defer cancel()
	if _, err := process.Wait(ctx); err != nil {
		_ = process.Signal(os.Kill)
	}
}

// Restart ends the command and starts it again.
func (p *Process) Restart(ctx context.Context) error {
	p.opts.Host.BeforeEnd(ctx)
	answer := make(chan error, 1)
	select {
	case p.again <- answer:
	case <-p.done:
		return protocol.Errorf(protocol.CodeSessionEnded, "the program has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-p.done:
		reason, _ := p.Result()
		return protocol.Errorf(protocol.CodeSessionEnded, "the program has ended: %s", reason)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Terminate ends the command: politely, then not.
func (p *Process) Terminate(ctx context.Context) {
	p.mu.Lock()
	process := p.running
	p.mu.Unlock()
	if process != nil {
		p.stop(ctx, process)
	}
	_ = p.Close()
}

// Fail has nobody to tell but the session's own listeners.
func (p *Process) Fail(error) {}

// Close ends the goroutine. It may be called twice.
func (p *Process) Close() error {
	p.cancel()
	<-p.done
	return nil
}

// output passes what a process writes on to the session.
type output struct {
	host     Host
	category string
}

// Write never fails: a program must not end because nobody reads.
func (o output) Write(b []byte) (int, error) {
	o.host.Output(o.category, string(b))
	return len(b), nil
}
