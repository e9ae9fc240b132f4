package debug

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

const (
	// adapterStartTime is how long an adapter may take until it can be spoken to.
	adapterStartTime = 20 * time.Second
	// adapterEndTime is how long an adapter's tree may take to be ended.
	adapterEndTime = 5 * time.Second
)

// runningAdapter is a started debug adapter. One goroutine waits for its exit; it
// ends with the process.
type runningAdapter struct {
	port    *port
	process sandbox.Process
	exited  chan struct{}
	code    int
	// listens is its TCP port inside the sandbox, 0 for the other transports.
	listens int
	// last is the end of what it wrote to standard error.
	last *tail
	// captures are its standard output, unless that carries DAP, and its standard error.
	captures []*capture
}

// pid is its number inside the sandbox, 0 when the session has not started it.
func (r *runningAdapter) pid() int {
	if r.process == nil {
		return 0
	}
	return r.process.PID()
}

// adapterStart is what an adapter is started with.
type adapterStart struct {
	box    sandbox.Sandbox
	entry  *adapter
	config *config
	dir    string
	env    []string // the workstation's
	// output takes what the adapter writes beside DAP.
	output func(category, text string)
	// elsewhere starts a command line in a folder in place of the sandbox: in a terminal of
	// the editor's, say. nil = the sandbox starts it.
	elsewhere func(ctx context.Context, args []string, dir string) error
}

// start starts the adapter in the sandbox and connects to it.
func (s adapterStart) start(ctx context.Context) (*runningAdapter, error) {
	if port := s.entry.serverPort(s.config); port != 0 {
		return s.meet(ctx, port)
	}
	args, missing := s.entry.find(s.config, s.env)
	if missing != nil {
		return nil, missing
	}
	ctx, cancel := context.WithTimeout(ctx, adapterStartTime)
	defer cancel()
	r := &runningAdapter{exited: make(chan struct{}), last: &tail{}}
	conn, err := s.connect(ctx, r, args)
	if err != nil {
		r.end()
		return nil, s.startFailed(r, args[0], err)
	}
	r.port = newPort(conn)
	return r, nil
}

// meet connects to an adapter that was started with its program, once it is there.
func (s adapterStart) meet(ctx context.Context, port int) (*runningAdapter, error) {
	ctx, cancel := context.WithTimeout(ctx, attachTime)
	defer cancel()
	r := &runningAdapter{exited: make(chan struct{}), last: &tail{}}
	conn, err := s.dialUntil(ctx, r, func(ctx context.Context) (net.Conn, error) { return s.box.Dial(ctx, netip.AddrPort{}, port) })
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeAdapterFailed, "no debug server listens on port %d in the session (%w): %s", port, err, startInside)
	}
	r.port = newPort(conn)
	return r, nil
}

func (s adapterStart) startFailed(r *runningAdapter, program string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	text := r.last.String()
	if text != "" {
		text = "; it wrote: " + text
	}
	return protocol.Errorf(protocol.CodeAdapterFailed, "the debug adapter %s does not start: %w%s", program, err, text)
}

// connect starts the process by the entry's transport.
func (s adapterStart) connect(ctx context.Context, r *runningAdapter, args []string) (io.ReadWriteCloser, error) {
	switch t := s.entry.transport(s.config); t {
	case transportStdio:
		return s.connectStdio(ctx, r, args)
	case transportReverse:
		return s.connectReverse(ctx, r, args)
	case transportUnix:
		path := s.socketPath()
		return s.connectListening(ctx, r, s.entry.address(args, path), func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		})
	case transportTCP:
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		r.listens = int(address.Port())
		return s.connectListening(ctx, r, s.entry.address(args, address.String()), func(ctx context.Context) (net.Conn, error) {
			return s.box.Dial(ctx, netip.AddrPort{}, int(address.Port()))
		})
	default:
		return nil, fmt.Errorf("transport %q: %w", t, errors.ErrUnsupported)
	}
}

var socketNumber atomic.Uint64

func (s adapterStart) socketPath() string {
	return filepath.Join(s.dir, fmt.Sprintf("adapter-%d.sock", socketNumber.Add(1)))
}

// freeAddress finds a port that is free now; another program may be quicker.
func freeAddress(ctx context.Context) (netip.AddrPort, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer func() { _ = l.Close() }()
	return netip.ParseAddrPort(l.Addr().String())
}

func (s adapterStart) launch(ctx context.Context, r *runningAdapter, args []string, stdin io.Reader, stdout io.Writer) error {
	if s.elsewhere != nil {
		line, err := s.box.Enter(args)
		if err != nil {
			return err
		}
		return s.elsewhere(ctx, line, s.entry.dir(s.config))
	}
	if stdout == nil {
		c, err := newCapture(func(text string) { s.output("stdout", text) })
		if err != nil {
			return err
		}
		r.captures = append(r.captures, c)
		stdout = c.write
	}
	stderr, err := newCapture(func(text string) {
		_, _ = r.last.Write([]byte(text))
		s.output("stderr", text)
	})
	if err != nil {
		return err
	}
	r.captures = append(r.captures, stderr)
	process, err := s.box.Start(ctx, sandbox.Command{
		Args: args, Dir: s.entry.dir(s.config), Env: s.env, Stdin: stdin, Stdout: stdout, Stderr: stderr.write,
	})
	if err != nil {
		return err
	}
	r.process = process
	go func() {
		defer close(r.exited)
		// The sandbox ends every process, so this wait has an end.
		r.code, _ = process.Wait(context.Background())
	}()
	return nil
}

func (s adapterStart) connectStdio(ctx context.Context, r *runningAdapter, args []string) (io.ReadWriteCloser, error) {
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		_ = theirIn.Close()
		_ = ourOut.Close()
		return nil, err
	}
	err = s.launch(ctx, r, args, theirIn, theirOut)
	_ = theirIn.Close()
	_ = theirOut.Close()
	conn := &duplex{Reader: ourIn, Writer: ourOut, closers: []io.Closer{ourOut, ourIn}}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// duplex is a connection of two halves.
type duplex struct {
	io.Reader
	io.Writer
	closers []io.Closer
}

func (d *duplex) Close() error {
	var all []error
	for _, c := range d.closers {
		all = append(all, c.Close())
	}
	return errors.Join(all...)
}

func (s adapterStart) connectReverse(ctx context.Context, r *runningAdapter, args []string) (io.ReadWriteCloser, error) {
	path := s.socketPath()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	if err := s.launch(ctx, r, s.entry.address(args, path), nil, nil); err != nil {
		return nil, err
	}
	accepted := make(chan struct{})
	defer close(accepted)
	go func() {
		select {
		case <-accepted:
		case <-ctx.Done():
			_ = l.Close()
		case <-r.exited:
			_ = l.Close()
		}
	}()
	conn, err := l.Accept()
	if err != nil {
		return nil, r.whyNot(ctx, err)
	}
	return conn, nil
}

func (s adapterStart) connectListening(ctx context.Context, r *runningAdapter, args []string, dial func(context.Context) (net.Conn, error)) (io.ReadWriteCloser, error) {
	if err := s.launch(ctx, r, args, nil, nil); err != nil {
		return nil, err
	}
	return s.dialUntil(ctx, r, dial)
}

// dialUntil dials until somebody listens, or the adapter has ended.
func (s adapterStart) dialUntil(ctx context.Context, r *runningAdapter, dial func(context.Context) (net.Conn, error)) (io.ReadWriteCloser, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dial(ctx)
		if err == nil {
			return conn, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, r.whyNot(ctx, err)
		case <-r.exited:
			return nil, r.whyNot(ctx, err)
		}
	}
}

// whyNot tells why there is no connection.
func (r *runningAdapter) whyNot(ctx context.Context, err error) error {
	select {
	case <-r.exited:
		return fmt.Errorf("it has ended with exit code %d", r.code)
	default:
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no connection in time: %w", ctx.Err())
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// end ends the adapter with everything it started. It may be called twice.
func (r *runningAdapter) end() {
	if r.port != nil {
		r.port.close()
	}
	defer func() {
		for _, c := range r.captures {
			c.close()
		}
	}()
	if r.process == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), adapterEndTime)
	defer cancel()
	// What can't be ended now ends with the sandbox.
	_ = r.process.End(ctx)
	select {
	case <-r.exited:
	case <-ctx.Done():
	}
}

// drained calls then when all that was written until now has been shown.
func (r *runningAdapter) drained(then func()) {
	left := atomic.Int32{}
	left.Store(int32(len(r.captures)))
	for _, c := range r.captures {
		c.mark(func() {
			if left.Add(-1) == 0 {
				then()
			}
		})
	}
}

// tail keeps the last of what was written.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailSize = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = append([]byte(nil), t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.data))
}
