package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

const (
	servicePort = 80
	// patience bounds a wait for what has to come; it is never reached by a test that passes.
	patience = 20 * time.Second
)

// world is an agent with an origin, and what is needed to be its operator, its
// engine and its callers.
type world struct {
	t       *testing.T
	agent   *Agent
	stop    context.CancelFunc // as SIGTERM
	stopped chan struct{}

	tunnelAddr, controlAddr string
	agentKey, operatorKey   tunnel.PrivateKey
	engineKey               tunnel.PrivateKey
	target                  int
	origin                  *echoServer
	desired                 control.Desired
}

type option func(*Config)

func withTimes(t times) option        { return func(c *Config) { c.times = t } }
func withTwin(l net.Listener) option  { return func(c *Config) { c.Twin = l } }
func withResolver(path string) option { return func(c *Config) { c.Resolver = path } }
func shortEnd(c *Config)              { c.times.linger, c.times.finish = time.Millisecond, time.Millisecond }
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	return must(net.Listen("tcp", "127.0.0.1:0"))(t)
}

// freePort gives a port that nobody else gets until the test ends: other runs of
// these tests respect the name that stands for it, and the kernel gives ports of this
// range to nobody. A port that is merely free now may be another process's a moment
// later, and its callers would be answered by that.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		name, err := net.Listen("unix", "@kubetunnel-test-port-"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = name.Close() })
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func portOf(t *testing.T, addr net.Addr) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	return must(strconv.Atoi(port))(t)
}

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	w := &world{
		t: t, stopped: make(chan struct{}), target: freePort(t), origin: newEchoServer(t, "origin"),
		agentKey: must(tunnel.GenerateKey())(t), operatorKey: must(tunnel.GenerateKey())(t), engineKey: must(tunnel.GenerateKey())(t),
	}
	cfg := Config{Key: w.agentKey, Operator: w.operatorKey.Public(), Control: listen(t), Tunnel: listen(t), Log: slog.New(slog.DiscardHandler)}
	cfg.times = times{accept: patience}
	for _, o := range append([]option{shortEnd}, options...) {
		o(&cfg)
	}
	w.tunnelAddr, w.controlAddr = cfg.Tunnel.Addr().String(), cfg.Control.Addr().String()
	w.agent = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() {
		defer close(w.stopped)
		if err := w.agent.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-w.stopped
	})
	w.desired = control.Desired{
		Generation: 1,
		Ports:      []control.Port{{Name: "echo", ServicePort: servicePort, TargetPort: int32(w.target), Protocol: "TCP", Origin: w.origin.addr()}},
		Clients:    []control.Client{{Intercept: "uid", Key: w.engineKey.Public(), Ports: []int32{servicePort}, Inherit: true, LeaseMillis: 60_000}},
	}
	if cfg.Ports == nil { // else the operator is away
		w.agent.Apply(w.desired)
	}
	return w
}

// apply changes what the operator says.
func (w *world) apply(change func(*control.Desired)) {
	w.desired.Generation++
	w.desired.Clients = slices.Clone(w.desired.Clients)
	change(&w.desired)
	w.agent.Apply(w.desired)
}

// call connects as a caller.
func (w *world) call() *net.TCPConn {
	w.t.Helper()
	conn := must(net.Dial("tcp", w.dialAddr()))(w.t)
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// dialAddr is where callers connect.
func (w *world) dialAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(w.target)) }

// served calls and tells who answers.
func (w *world) served() string {
	w.t.Helper()
	conn := w.call()
	defer func() { _ = conn.Close() }()
	return greeting(w.t, conn)
}

// fate is how a call ends that gets no answer; a reset may come before its connection is up.
func (w *world) fate() error {
	conn, err := net.Dial("tcp", w.dialAddr())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = io.ReadAll(conn)
	return err
}

// greeting reads the line with which an echoServer begins.
func greeting(t *testing.T, conn net.Conn) string {
	t.Helper()
	var line []byte
	b := make([]byte, 1)
	for {
		if _, err := conn.Read(b); err != nil {
			t.Fatalf("no greeting: %v", err)
		}
		if b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}

// eventually waits until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not met: %s", what)
		}
	}
}

func (w *world) client() control.ClientState {
	o := w.agent.Observe()
	if len(o.Clients) == 0 {
		return control.ClientState{}
	}
	return o.Clients[0]
}

// engine is a workstation's end.
type engine struct {
	*tunnel.Session
	t     *testing.T
	serve tunnel.Stream
	lines *json.Decoder
	line  *cutter
}

// cutter dials, and can be made to cut its connections and refuse new ones.
type cutter struct {
	addr string

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

var errDown = errors.New("the line is down")

func (c *cutter) dial(ctx context.Context) (io.ReadWriteCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, errDown
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.addr)
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cutter) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	for _, conn := range c.conns {
		if down {
			_ = conn.Close()
		}
	}
}

// connect attaches an engine that serves the Service's port with handler.
func (w *world) connect(handler tunnel.Handler) *engine {
	w.t.Helper()
	e := w.attach(handler)
	e.serves(servicePort)
	return e
}

func (w *world) attach(handler tunnel.Handler) *engine {
	w.t.Helper()
	e := must(w.dial(handler))(w.t)
	w.t.Cleanup(func() { _ = e.Close() })
	eventually(w.t, "attached", func() bool { return w.client().Attached })
	return e
}

func (w *world) dial(handler tunnel.Handler) (*engine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	line := &cutter{addr: w.tunnelAddr}
	session, err := tunnel.Dial(ctx, tunnel.ClientConfig{
		Config: tunnel.Config{Handler: handler}, Key: w.engineKey, Peer: w.agentKey.Public(), Dial: line.dial,
	})
	return &engine{Session: session, t: w.t, line: line}, err
}

// serves tells the agent the ports, and waits until it has answered.
func (e *engine) serves(ports ...int32) tunnel.ServeState {
	e.t.Helper()
	if e.serve == nil {
		e.serve = e.open(tunnel.Header{Kind: tunnel.KindServe})
		e.lines = json.NewDecoder(e.serve)
	}
	if err := json.NewEncoder(e.serve).Encode(tunnel.ServeState{Generation: 7, Ports: ports}); err != nil {
		e.t.Fatal(err)
	}
	var answer tunnel.ServeState
	if err := e.lines.Decode(&answer); err != nil {
		e.t.Fatal(err)
	}
	return answer
}

func (e *engine) open(h tunnel.Header) tunnel.Stream {
	e.t.Helper()
	s := must(e.Open(e.t.Context(), h))(e.t)
	e.t.Cleanup(func() { _ = s.Reset() })
	_ = s.SetDeadline(time.Now().Add(patience))
	return s
}

// refusedWith opens a stream that has to be refused.
func (e *engine) refusedWith(h tunnel.Header) tunnel.RefuseCode {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	err := e.open(h).Accepted(ctx)
	var refused *tunnel.RefusedError
	if !errors.As(err, &refused) {
		e.t.Fatalf("not refused: %v", err)
	}
	return refused.Code
}

// workstation takes every call, greets and echoes.
func workstation(_ context.Context, s tunnel.Stream) {
	defer func() { _ = s.Close() }()
	if s.Accept() != nil {
		return
	}
	echo(s, "workstation")
}

// refuse takes no call.
func refuse(_ context.Context, s tunnel.Stream) {
	_ = s.Refuse(tunnel.RefusedConnection, "nobody listens")
}

// echo greets first, then sends back what comes until its end.
func echo(conn tunnel.Conn, name string) {
	if _, err := io.WriteString(conn, name+"\n"); err != nil {
		return
	}
	if _, err := io.Copy(conn, conn); err == nil {
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
}

// echoServer greets each connection with its name and echoes.
type echoServer struct {
	l     net.Listener
	group sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

func newEchoServer(t *testing.T, name string) *echoServer {
	s := &echoServer{l: listen(t)}
	s.group.Go(func() {
		for {
			conn, err := s.l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.group.Go(func() {
				defer func() { _ = conn.Close() }()
				echo(conn.(*net.TCPConn), name)
			})
		}
	})
	t.Cleanup(s.close)
	return s
}

func (s *echoServer) addr() string { return s.l.Addr().String() }

func (s *echoServer) close() {
	_ = s.l.Close()
	s.mu.Lock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

func isReset(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && strings.Contains(err.Error(), "reset")
}
