package debug

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// processGrace is what a command gets to end by itself after SIGTERM.
const processGrace = 2 * time.Second

// ProcessOptions is what a command without a debugger is run with.
type ProcessOptions struct {
	Sandbox sandbox.Sandbox
	Command protocol.Command
	Host    Host
	// Env is the workstation's environment; nil = this process's.
	Env []string
	// Stdin, Stdout and Stderr take the place of nothing and of the host's output: a
	// terminal's own, for instance.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Process is a session's command.
//
// Its goroutine, serve, starts the command once the environment is there, waits for
// its end, and starts it again when asked to; it ends with the command or with Close.
type Process struct {
	opts     ProcessOptions
	ctx      context.Context
	cancel   context.CancelFunc
	restarts chan chan error
	stop     chan struct{}
	done     chan struct{}

	mu       sync.Mutex
	stopping bool
	reason   string
	exitCode *int
	err      error
}

// RunProcess runs a command in the sandbox.
func RunProcess(opts ProcessOptions) (*Process, error) {
	if opts.Sandbox == nil || opts.Host == nil {
		return nil, errors.New("a command needs a sandbox and a host")
	}
	if len(opts.Command.Args) == 0 || opts.Command.Args[0] == "" {
		return nil, protocol.Errorf(protocol.CodeProcessStartFailed, "the command is empty: name a program to run")
	}
	if opts.Env == nil {
		opts.Env = os.Environ()
	}
	p := &Process{opts: opts, restarts: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	go p.serve()
	return p, nil
}

// Endpoint is nil: there is nothing to speak DAP with.
func (p *Process) Endpoint() *protocol.Endpoint { return nil }

// Done is closed when the command has ended for good.
func (p *Process) Done() <-chan struct{} { return p.done }

// Result tells how it ended; the error is that of a command that could not be started.
func (p *Process) Result() (reason string, exitCode *int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reason, p.exitCode, p.err
}

// Restart ends the command and starts it again.
func (p *Process) Restart(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case p.restarts <- answer:
	case <-p.done:
		return protocol.Errorf(protocol.CodeProcessStartFailed, "the command has ended: %s", p.reason)
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Terminate ends the command in an orderly way, bounded by ctx. It may be called twice.
func (p *Process) Terminate(ctx context.Context) {
	p.mu.Lock()
	if !p.stopping {
		p.stopping = true
		close(p.stop)
	}
	p.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
}

// Fail tells the user that the session can't be had.
func (p *Process) Fail(err error) {
	p.opts.Host.Output("stderr", "kubetunnel: "+errorText(asProtocolError(err, protocol.CodeProcessStartFailed))+"\n")
}

// Close ends the command at once. It may be called twice.
func (p *Process) Close() error {
	p.cancel()
	<-p.done
	return nil
}

func (p *Process) serve() {
	defer close(p.done)
	defer p.cancel()
	pod, err := p.environment()
	if err != nil {
		p.ended(err.Error(), nil)
		return
	}
	var restarted chan error
	for {
		run, err := p.start(pod)
		if restarted != nil {
			restarted <- err
		}
		if err != nil {
			p.unstarted(err)
			return
		}
		again, reason, code := p.wait(run)
		run.close()
		if again == nil {
			p.ended(reason, code)
			return
		}
		restarted = again
	}
}

// environment waits for the pod's environment, or for the end.
func (p *Process) environment() ([]string, error) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		select {
		case <-p.stop:
			cancel()
		case <-stopped:
		}
	}()
	return p.opts.Host.Environment(ctx)
}

func (p *Process) ended(reason string, code *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reason, p.exitCode = reason, code
}

func (p *Process) unstarted(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reason, p.err = err.Error(), err
}

// commandRun is one run of the command.
type commandRun struct {
	process  sandbox.Process
	captures []*capture
	exited   chan struct{}
	code     int
}

func (p *Process) start(pod []string) (*commandRun, error) {
	run := &commandRun{exited: make(chan struct{})}
	cmd := p.opts.Command
	stdout, err := run.output(p.opts.Stdout, func(text string) { p.opts.Host.Output("stdout", text) })
	if err != nil {
		return nil, err
	}
	stderr, err := run.output(p.opts.Stderr, func(text string) { p.opts.Host.Output("stderr", text) })
	if err != nil {
		run.close()
		return nil, err
	}
	run.process, err = p.opts.Sandbox.Start(p.ctx, sandbox.Command{
		Args: cmd.Args, Dir: cmd.Cwd, Stdin: p.opts.Stdin, Stdout: stdout, Stderr: stderr,
		Env: MergeEnvironment(p.opts.Env, pod, p.opts.Sandbox.Environ(), cmd.Env),
	})
	if err != nil {
		run.close()
		return nil, protocol.Errorf(protocol.CodeProcessStartFailed, "the command %s can't be started: %w", cmd.Args[0], err)
	}
	go func() {
		defer close(run.exited)
		// The sandbox ends every process, so this wait has an end.
		run.code, _ = run.process.Wait(context.Background())
	}()
	return run, nil
}

// output captures what nobody else takes.
func (r *commandRun) output(to io.Writer, show func(string)) (io.Writer, error) {
	if to != nil {
		return to, nil
	}
	c, err := newCapture(show)
	if err != nil {
		return nil, err
	}
	r.captures = append(r.captures, c)
	return c.write, nil
}

// close shows the last output and ends the captures.
func (r *commandRun) close() {
	var shown sync.WaitGroup
	done := make(chan struct{})
	shown.Add(len(r.captures))
	for _, c := range r.captures {
		c.mark(shown.Done)
	}
	go func() {
		shown.Wait()
		close(done)
	}()
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	for _, c := range r.captures {
		c.close()
	}
}

// wait waits for the command's end, or ends it: again is set when it is to start anew.
func (p *Process) wait(run *commandRun) (again chan error, reason string, code *int) {
	select {
	case <-run.exited:
		return nil, fmt.Sprintf("the command has ended with exit code %d", run.code), &run.code
	case answer := <-p.restarts:
		p.endRun(run)
		return answer, "", nil
	case <-p.stop:
		p.endRun(run)
		return nil, "the session was stopped", &run.code
	case <-p.ctx.Done():
		ctx, cancel := context.WithTimeout(context.Background(), adapterEndTime)
		defer cancel()
		_ = run.process.End(ctx) // what is left ends with the sandbox
		return nil, "the session was stopped", nil
	}
}

// endRun sends new calls to the origin, then asks the command to end, then ends it.
func (p *Process) endRun(run *commandRun) {
	before, cancel := context.WithTimeout(context.Background(), beforeEndTime)
	p.opts.Host.BeforeEnd(before)
	cancel()
	// A command that has ended can't take the signal, and need not.
	_ = run.process.Signal(syscall.SIGTERM)
	grace := time.NewTimer(processGrace)
	defer grace.Stop()
	select {
	case <-run.exited:
	case <-grace.C:
	case <-p.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), adapterEndTime)
	defer cancel()
	_ = run.process.End(ctx) // with its children; what is left ends with the sandbox
	select {
	case <-run.exited:
	case <-ctx.Done():
	}
}
