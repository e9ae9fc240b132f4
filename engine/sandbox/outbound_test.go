//go:build unix

package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/net/proxy"
)

// fakeCluster has the hosts that end in ".cluster"; all lead to one server.
type fakeCluster struct {
	server string
	err    error

	mu     sync.Mutex
	dialed []string
}

func (c *fakeCluster) Routed(string) (cluster, known bool) { return false, false }

func (c *fakeCluster) Contains(_ context.Context, host string) bool {
	return strings.HasSuffix(host, ".cluster") || host == "10.96.0.1"
}

func (c *fakeCluster) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	c.mu.Lock()
	c.dialed = append(c.dialed, address)
	c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", c.server)
}

func (c *fakeCluster) asked() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.dialed, " ")
}

// echoServer gives back what it gets, and then its end.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func variable(t *testing.T, b Sandbox, name string) string {
	t.Helper()
	for _, entry := range b.Environ() {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s is not set", name)
	return ""
}

func socksDialer(t *testing.T, b Sandbox) proxy.ContextDialer {
	t.Helper()
	u, err := url.Parse(variable(t, b, "ALL_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := proxy.FromURL(u, proxy.Direct)
	if err != nil {
		t.Fatal(err)
	}
	return d.(proxy.ContextDialer)
}

func talk(t *testing.T, conn net.Conn) {
	t.Helper()
	defer func() { _ = conn.Close() }()
	text := strings.Repeat("through the proxy ", 10000)
	go func() {
		_, _ = io.WriteString(conn, text)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	}()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestSocksGoesToTheClusterAndElsewhere(t *testing.T) {
	cluster := &fakeCluster{server: echoServer(t)}
	b := newTestSandbox(t, Config{Cluster: cluster})
	for _, address := range []string{"db.shop.cluster:5432", "10.96.0.1:443", echoServer(t)} {
		conn, err := socksDialer(t, b).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		talk(t, conn)
	}
	if got := cluster.asked(); got != "db.shop.cluster:5432 10.96.0.1:443" {
		t.Errorf("the cluster was asked for %s", got)
	}
}

func TestSocksTellsTheTrueReason(t *testing.T) {
	for _, test := range []struct {
		err  error
		want socksReply
	}{
		{syscall.ECONNREFUSED, socksRefused},
		{syscall.EHOSTUNREACH, socksHostUnreachable},
		{syscall.ENETUNREACH, socksNetworkUnreachable},
		{&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, socksHostUnreachable},
		{syscall.ETIMEDOUT, socksTTLExpired},
		{context.DeadlineExceeded, socksTTLExpired},
		{errors.New("something"), socksFailure},
	} {
		b := newTestSandbox(t, Config{Cluster: &fakeCluster{err: fmt.Errorf("dial: %w", test.err)}})
		reply := rawSocks(t, b, []byte{5, 1, 0}, append([]byte{5, 1, 0, 3, 9}, "x.cluster\x00\x50"...))
		if len(reply) != 12 || reply[3] != byte(test.want) {
			t.Errorf("%v: reply %v, want code %d", test.err, reply, test.want)
		}
	}
}

// rawSocks sends bytes to the SOCKS5 proxy and reads all it says.
func rawSocks(t *testing.T, b *loopback, parts ...[]byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", b.outbound.socks.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(bytes.Join(parts, nil)); err != nil {
		t.Fatal(err)
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	reply, _ := io.ReadAll(conn)
	return reply
}

func TestSocksRefusesWhatItCantDo(t *testing.T) {
	b := newTestSandbox(t, Config{})
	for _, test := range []struct {
		name  string
		bytes []byte
		want  []byte
	}{
		{"password only", []byte{5, 1, 2}, []byte{5, 0xff}},
		{"SOCKS4", []byte{4, 1, 0, 80, 1, 2, 3, 4, 0}, nil},
		{"BIND", []byte{5, 1, 0, 5, 2, 0, 1, 1, 2, 3, 4, 0, 80}, []byte{5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0}},
		{"UDP", []byte{5, 1, 0, 5, 3, 0, 1, 1, 2, 3, 4, 0, 80}, []byte{5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0}},
		{"unknown address type", []byte{5, 1, 0, 5, 1, 0, 9}, []byte{5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0}},
		{"empty name", []byte{5, 1, 0, 5, 1, 0, 3, 0}, []byte{5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0}},
		{"cut short", []byte{5, 1, 0, 5, 1}, []byte{5, 0}},
	} {
		if got := rawSocks(t, b, test.bytes); !bytes.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func webClient(t *testing.T, b Sandbox) *http.Client {
	t.Helper()
	u, err := url.Parse(variable(t, b, "HTTP_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestHTTPProxyPassesRequestsUnchanged(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-After")
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s host=%s query=%s for=%q agent=%q body=%s", r.Method, r.URL.Path, r.Host, r.URL.RawQuery,
			r.Header.Get("X-Forwarded-For"), r.Header.Get("User-Agent"), body)
		w.Header().Set("X-After", "trailing")
	}))
	defer server.Close()
	cluster := &fakeCluster{server: server.Listener.Addr().String()}
	b := newTestSandbox(t, Config{Cluster: cluster})
	client := webClient(t, b)
	const requests = 10
	for range requests {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://cart.shop.cluster:8080/a%20b?x=1;y=2&z", strings.NewReader("data"))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Forwarded-For", "192.0.2.7")
		request.Header.Set("User-Agent", "")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		want := `POST /a b host=cart.shop.cluster:8080 query=x=1;y=2&z for="192.0.2.7" agent="" body=data`
		if string(body) != want || response.Trailer.Get("X-After") != "trailing" {
			t.Errorf("got  %s, trailer %v\nwant %s", body, response.Trailer, want)
		}
	}
	// A connection that is on its way back to the pool may be missed, but not each time.
	if dials := strings.Fields(cluster.asked()); len(dials) == requests || dials[0] != "cart.shop.cluster:8080" {
		t.Errorf("the cluster was dialled for %s: connections are not kept alive", dials)
	}
}

func TestHTTPProxyStreams(t *testing.T) {
	next := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-next
		_, _ = io.WriteString(w, "second")
	}))
	defer server.Close()
	b := newTestSandbox(t, Config{Cluster: &fakeCluster{server: server.Listener.Addr().String()}})
	response, err := webClient(t, b).Get("http://cart.cluster/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	first := make([]byte, 5)
	if _, err := io.ReadFull(response.Body, first); string(first) != "first" {
		t.Errorf("got %q, %v", first, err)
	}
	close(next)
	if rest, _ := io.ReadAll(response.Body); string(rest) != "second" {
		t.Errorf("then %q", rest)
	}
}

func TestHTTPProxyConnect(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "secure "+r.Host)
	}))
	defer server.Close()
	b := newTestSandbox(t, Config{Cluster: &fakeCluster{server: server.Listener.Addr().String()}})
	for _, host := range []string{"cart.cluster", server.Listener.Addr().String()} {
		response, err := webClient(t, b).Get("https://" + host + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(body) != "secure "+host {
			t.Errorf("got %q", body)
		}
	}
}

func TestHTTPProxyTellsWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{syscall.ECONNREFUSED, http.StatusBadGateway},
		{syscall.ETIMEDOUT, http.StatusGatewayTimeout},
	} {
		b := newTestSandbox(t, Config{Cluster: &fakeCluster{err: test.err}})
		response, err := webClient(t, b).Get("http://cart.cluster/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != test.want || !strings.Contains(string(body), test.err.Error()) {
			t.Errorf("%d %s", response.StatusCode, body)
		}
		if _, err := webClient(t, b).Get("https://cart.cluster/"); err == nil {
			t.Error("CONNECT succeeds to nowhere")
		}
	}
}

func TestHTTPProxyOnlyProxies(t *testing.T) {
	b := newTestSandbox(t, Config{})
	response, err := http.Get(variable(t, b, "http_proxy") + "/")
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestUsersOwnProxyIsPassedThrough(t *testing.T) {
	echo := echoServer(t)
	var mu sync.Mutex
	var seen []string
	company := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.Host+" "+r.Header.Get("Proxy-Authorization"))
		mu.Unlock()
		if r.Method != http.MethodConnect {
			_, _ = io.WriteString(w, "from the company's proxy")
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", echo)
		if err != nil {
			_ = conn.Close()
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(far, conn)
			_ = far.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(conn, far)
		_ = conn.Close()
		_ = far.Close()
	}))
	defer company.Close()
	via := "http://anna:secret@" + company.Listener.Addr().String()
	t.Setenv("HTTP_PROXY", via)
	t.Setenv("HTTPS_PROXY", via)
	t.Setenv("NO_PROXY", "")
	cluster := &fakeCluster{server: echo}
	b := newTestSandbox(t, Config{Cluster: cluster})
	response, err := webClient(t, b).Get("http://example.test/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if string(body) != "from the company's proxy" {
		t.Errorf("got %q", body)
	}
	for _, host := range []string{"example.test:443", "db.cluster:443"} {
		conn, err := net.Dial("tcp", b.outbound.web.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", host, host); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		if _, err := io.ReadFull(conn, answer); err != nil || !bytes.Contains(answer, []byte(" 200 ")) {
			t.Fatalf("%s: %q, %v", host, answer, err)
		}
		talk(t, conn)
	}
	mu.Lock()
	defer mu.Unlock()
	want := "GET example.test Basic YW5uYTpzZWNyZXQ=|CONNECT example.test:443 Basic YW5uYTpzZWNyZXQ="
	if got := strings.Join(seen, "|"); got != want {
		t.Errorf("the company's proxy saw %s, want %s", got, want)
	}
	if got := cluster.asked(); got != "db.cluster:443" {
		t.Errorf("the cluster was asked for %s", got)
	}
}

func TestForwards(t *testing.T) {
	port := 0
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		port = l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
	}
	cluster := &fakeCluster{server: echoServer(t)}
	b := newTestSandbox(t, Config{Cluster: cluster, Forwards: map[int]string{port: "db.cluster:5432"}})
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	talk(t, conn)
	if cluster.asked() != "db.cluster:5432" {
		t.Errorf("the cluster was asked for %s", cluster.asked())
	}
	if _, err := NewLoopback(t.Context(), Config{Forwards: map[int]string{port: "db.cluster:5432"}}, nil); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second forward on the same port: %v", err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the forward has survived Close: %v", err)
	}
}
