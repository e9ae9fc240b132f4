package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// dialTime bounds a direct dial; the cluster's dial has its own bound.
const dialTime = 30 * time.Second

// outbound is the debuggee's way out: a SOCKS5 and an HTTP proxy on loopback ports of
// the kernel's choice, and the forwards. The cluster's hosts go through the tunnel,
// everything else leaves as the user's own traffic.
//
// Each listener has a goroutine that accepts, each connection one that serves it;
// close ends them all and waits for them.
type outbound struct {
	cluster Cluster
	user    userProxy
	log     *slog.Logger
	ctx     context.Context // of every connection served; ends with close
	cancel  context.CancelFunc

	socks    net.Listener
	web      net.Listener
	webSrv   *http.Server
	webTrans *http.Transport
	forwards []net.Listener
	tasks    sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	// exposed are the ports inside that have one here.
	exposed map[int]int
}

func newOutbound(ctx context.Context, cfg Config, log *slog.Logger) (*outbound, error) {
	o, err := newForwards(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if err := o.listen(ctx); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// newForwards is an outbound of the forwards alone.
func newForwards(ctx context.Context, cfg Config, log *slog.Logger) (*outbound, error) {
	o := &outbound{cluster: cfg.Cluster, user: userProxyFromEnvironment(), log: log, conns: map[net.Conn]struct{}{}, exposed: map[int]int{}}
	// The sandbox outlives the call that makes it.
	o.ctx, o.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := o.forward(ctx, cfg.Forwards); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// listener is one on the workstation's loopback.
func (o *outbound) listener(ctx context.Context, port int) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	return guarded{Listener: l, log: o.log}, nil
}

func (o *outbound) listen(ctx context.Context) error {
	var err error
	if o.socks, err = o.listener(ctx, 0); err != nil {
		return fmt.Errorf("listening for the SOCKS5 proxy: %w", err)
	}
	if o.web, err = o.listener(ctx, 0); err != nil {
		return fmt.Errorf("listening for the HTTP proxy: %w", err)
	}
	o.tasks.Go(func() { o.accept(o.socks, o.serveSocks) })
	o.startWeb()
	return nil
}

func (o *outbound) forward(ctx context.Context, forwards map[int]string) error {
	for port, target := range forwards {
		if _, _, err := net.SplitHostPort(target); err != nil {
			return fmt.Errorf("forward of port %d: %w", port, err)
		}
		l, err := o.listener(ctx, port)
		if err != nil {
			return fmt.Errorf("forward of port %d to %s: %w", port, target, err)
		}
		o.forwards = append(o.forwards, l)
		o.tasks.Go(func() { o.accept(l, func(conn net.Conn) { o.serveForward(conn, target) }) })
	}
	return nil
}

// accept serves each connection of a listener in a goroutine of its own.
func (o *outbound) accept(l net.Listener, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || o.ctx.Err() != nil {
				return
			}
			o.log.Warn("accepting a connection of the debuggee", "error", err)
			// Too many open files, usually: it gets better or the session ends.
			select {
			case <-o.ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		if !o.add(conn) {
			return
		}
		o.tasks.Go(func() {
			defer o.drop(conn)
			serve(conn)
		})
	}
}

// add notes a connection so that close can end it; false when it was closed already.
func (o *outbound) add(conn net.Conn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		_ = conn.Close()
		return false
	}
	o.conns[conn] = struct{}{}
	return true
}

func (o *outbound) drop(conn net.Conn) {
	o.mu.Lock()
	delete(o.conns, conn)
	o.mu.Unlock()
	_ = conn.Close()
}

// dial connects to "host:port" on the side where the host lives.
func (o *outbound) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if o.isCluster(ctx, host) {
		return o.cluster.DialContext(ctx, network, address)
	}
	d := net.Dialer{Timeout: dialTime}
	return d.DialContext(ctx, network, address)
}

func (o *outbound) isCluster(ctx context.Context, host string) bool {
	return o.cluster != nil && o.cluster.Contains(ctx, host)
}

// dialOut is dial by way of the user's own proxy, when one is set for that host.
func (o *outbound) dialOut(ctx context.Context, scheme, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !o.isCluster(ctx, host) {
		if proxy := o.user.find(scheme, address); proxy != nil {
			return dialByProxy(ctx, proxy, address)
		}
	}
	return o.dial(ctx, "tcp", address)
}

func (o *outbound) serveForward(conn net.Conn, target string) {
	o.lead(conn, target, func(ctx context.Context) (net.Conn, error) {
		if o.cluster == nil {
			return nil, errors.New("no cluster")
		}
		return o.cluster.DialContext(ctx, "tcp", target)
	}, copyAll)
}

// lead connects a connection to where dial leads; one that can't be had is reset.
func (o *outbound) lead(conn net.Conn, target string, dial func(context.Context) (net.Conn, error), answers func(io.Writer, io.Reader) error) {
	far, err := dial(o.ctx)
	if err != nil {
		o.log.Info("forward refused", "target", target, "error", err)
		resetConn(conn)
		return
	}
	o.relayAnswers(conn, far, answers)
}

// resetConn makes the peer see a reset rather than an orderly end.
func resetConn(conn net.Conn) {
	switch c := conn.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0)
	case interface{ Abort() }:
		c.Abort()
	}
	_ = conn.Close()
}

type closeWriter interface{ CloseWrite() error }

// relay copies both ways until both have ended, passing half-closes on.
func (o *outbound) relay(near, far net.Conn) { o.relayAnswers(near, far, copyAll) }

// relayAnswers is relay where answers copies what the far side says.
func (o *outbound) relayAnswers(near, far net.Conn, answers func(io.Writer, io.Reader) error) {
	if !o.add(far) {
		return
	}
	defer o.drop(far)
	done := make(chan struct{})
	go func() {
		defer close(done)
		pipe(far, near, copyAll)
	}()
	pipe(near, far, answers)
	<-done
}

func copyAll(dst io.Writer, src io.Reader) error {
	_, err := io.Copy(dst, src)
	return err
}

func pipe(dst, src net.Conn, pass func(io.Writer, io.Reader) error) {
	if err := pass(dst, src); err != nil {
		// A side that broke must not look like one that has finished.
		resetConn(dst)
		_ = src.Close()
		return
	}
	if c, ok := dst.(closeWriter); ok {
		_ = c.CloseWrite()
		return
	}
	_ = dst.Close()
}

func (o *outbound) close() {
	o.mu.Lock()
	first := !o.closed
	o.closed = true
	o.mu.Unlock()
	if !first {
		return
	}
	o.cancel()
	o.mu.Lock()
	listeners := append([]net.Listener{o.socks, o.web}, o.forwards...)
	o.mu.Unlock()
	for _, l := range listeners {
		if l != nil {
			_ = l.Close()
		}
	}
	if o.webSrv != nil {
		_ = o.webSrv.Close()
		o.webTrans.CloseIdleConnections()
	}
	o.mu.Lock()
	for conn := range o.conns {
		_ = conn.Close()
	}
	o.mu.Unlock()
	o.tasks.Wait()
}

// environ names the proxies to the debuggee, in both spellings: programs differ.
// The user's own NO_PROXY is not taken over: the addresses of a company's network
// often are the cluster's too, and the way round the user's proxy is kept by us.
func (o *outbound) environ() []string {
	web := "http://" + o.web.Addr().String()
	all := "socks5h://" + o.socks.Addr().String()
	none := "localhost,127.0.0.1,::1"
	return []string{
		// Node 24 and 22.21 heed the others when told so.
		"NODE_USE_ENV_PROXY=1",
		"JAVA_TOOL_OPTIONS=" + javaOptions(o.web.Addr(), o.socks.Addr()),
		"HTTP_PROXY=" + web, "http_proxy=" + web,
		"HTTPS_PROXY=" + web, "https_proxy=" + web,
		"ALL_PROXY=" + all, "all_proxy=" + all,
		"NO_PROXY=" + none, "no_proxy=" + none,
	}
}

// javaOptions name the proxies to a JVM, which reads no proxy variables. Its SOCKS
// serves what is not HTTP; drivers that look names up first reach addresses alone.
func javaOptions(web, socks net.Addr) string {
	const none = "localhost|127.*|[::1]"
	var options []string
	set := func(name, value string) { options = append(options, "-D"+name+"="+value) }
	for _, proxy := range []struct {
		prefix string
		at     net.Addr
	}{{"http.proxy", web}, {"https.proxy", web}, {"socksProxy", socks}} {
		host, port, err := net.SplitHostPort(proxy.at.String())
		if err != nil {
			continue // a TCP listener's address has both
		}
		set(proxy.prefix+"Host", host)
		set(proxy.prefix+"Port", port)
	}
	set("http.nonProxyHosts", none)
	set("socksNonProxyHosts", none)
	return strings.Join(options, " ")
}
