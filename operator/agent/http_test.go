package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// httpWorld is a world whose port is of HTTP by its name, with an origin that does as serve says.
func httpWorld(t *testing.T, serve func(tunnel.Conn), options ...option) *world {
	t.Helper()
	w := newWorld(t, options...)
	origin := serveWith(t, serve)
	w.apply(func(d *control.Desired) {
		d.Ports = []control.Port{{Name: "http", ServicePort: servicePort, TargetPort: int32(w.target), Protocol: "TCP", Origin: origin}}
	})
	return w
}

// serveWith serves each connection with a function, and ends with the test.
func serveWith(t *testing.T, serve func(tunnel.Conn)) (addr string) {
	t.Helper()
	l := listen(t)
	var mu sync.Mutex
	var conns []net.Conn
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			group.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return l.Addr().String()
}

// taking is a workstation that does as serve says with each call.
func taking(serve func(tunnel.Conn)) tunnel.Handler {
	return func(_ context.Context, s tunnel.Stream) {
		defer func() { _ = s.Close() }()
		if s.Accept() == nil {
			serve(s)
		}
	}
}

// web is a server of HTTP/1.1 on one connection: it says its name, and which request of
// the connection this is.
func web(name string) func(tunnel.Conn) {
	return func(conn tunnel.Conn) {
		r := bufio.NewReader(conn)
		for i := 1; ; i++ {
			request, err := http.ReadRequest(r)
			if err != nil {
				_ = conn.CloseWrite()
				return
			}
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return
			}
			said := fmt.Sprintf("%s %d %s", name, i, body)
			if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(said), said); err != nil {
				return
			}
		}
	}
}

// caller is a caller's connection.
type caller struct {
	*net.TCPConn
	t *testing.T
	r *bufio.Reader
}

func (w *world) caller() *caller {
	conn := w.call()
	return &caller{conn, w.t, bufio.NewReader(conn)}
}

func (c *caller) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// hears reads as many bytes as text has.
func (c *caller) hears(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(c.r, got); err != nil || string(got) != text {
		c.t.Fatalf("the caller got %q, %v; want %q", got[:n], err, text)
	}
}

// ask makes a request, and gives the answer's body.
func (c *caller) ask(request string) string {
	c.t.Helper()
	c.say(request)
	return c.answer()
}

func (c *caller) answer() string {
	c.t.Helper()
	answer, err := c.tryAnswer()
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func (c *caller) tryAnswer() (string, error) {
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// ends tells how the connection ends: nil in good order.
func (c *caller) ends() error {
	c.t.Helper()
	b, err := io.ReadAll(c.r)
	if len(b) > 0 {
		c.t.Errorf("before its end came %q", b)
	}
	return err
}

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func post(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != want {
		t.Fatalf("answered by %q, want %q", got, want)
	}
}

func TestKeptConnectionChangesSidesBetweenRequests(t *testing.T) {
	w := httpWorld(t, web("origin"))
	c := w.caller()
	expect(t, c.ask(get), "origin 1")
	expect(t, c.ask(get), "origin 2")
	e := w.connect(taking(web("workstation")))
	for range 3 {
		expect(t, c.ask(get), "workstation 1")
		expect(t, c.ask(post("x")), "workstation 2 x")
		e.serves()
		expect(t, c.ask(post("y")), "origin 1 y")
		expect(t, c.ask(get), "origin 2")
		e.serves(servicePort)
	}
	expect(t, c.ask(get), "workstation 1")
	e.line.set(true)
	eventually(t, "detached", func() bool { return !w.client().Attached })
	expect(t, c.ask(get), "origin 1")
	e.line.set(false)
	eventually(t, "serving again", func() bool { return len(w.client().Serving) == 1 })
	expect(t, c.ask(get), "workstation 1")
	w.draining(patience)
	expect(t, c.ask(get), "origin 1")
}

func TestManyKeptConnectionsChangeSidesWithoutAFailure(t *testing.T) {
	w := httpWorld(t, web("origin"))
	e := w.attach(taking(web("workstation")))
	stop := make(chan struct{})
	var group sync.WaitGroup
	var served sync.Map
	for i := range 8 {
		c := w.caller()
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				request := get
				if (n+i)%2 == 0 {
					request = post("body")
				}
				if _, err := io.WriteString(c, request); err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				answer, err := c.tryAnswer()
				if err != nil {
					t.Errorf("answer %d: %v", n, err)
					return
				}
				side, _, _ := strings.Cut(answer, " ")
				served.Store(fmt.Sprint(i, side), true)
			}
		})
	}
	for range 20 {
		e.serves(servicePort)
		before := w.client().Counters.Requests
		eventually(t, "requests at the workstation", func() bool { return w.client().Counters.Requests > before+20 })
		e.serves()
		eventually(t, "none under way there", func() bool { return w.client().Counters.Active == 0 })
	}
	eventually(t, "all seen both sides", func() bool {
		n := 0
		served.Range(func(any, any) bool { n++; return true })
		return n == 16
	})
	close(stop)
	group.Wait()
}

func TestWorkstationThatStopsKeepsOnlyRequestsThatAreUnderWay(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan struct{}, 2)
	w := httpWorld(t, web("origin"))
	e := w.connect(taking(func(conn tunnel.Conn) {
		r := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(r)
			if err != nil {
				_ = conn.CloseWrite()
				ended <- struct{}{}
				return
			}
			if request.URL.Path == "/breakpoint" {
				<-release
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nworkstation")
		}
	}))
	idle, paused := w.caller(), w.caller()
	expect(t, idle.ask(get), "workstation")
	paused.say("GET /breakpoint HTTP/1.1\r\nHost: a\r\n\r\n")
	eventually(t, "one under way", func() bool {
		return w.client().Counters == control.Counters{
			Connections: 2, Requests: 2, Active: 1, BytesIn: w.client().Counters.BytesIn, BytesOut: w.client().Counters.BytesOut,
		}
	})
	answer := e.serves()
	if answer.Active != 1 || answer.Requests != 2 {
		t.Errorf("told on the serve stream: %+v", answer)
	}
	<-ended // the idle one's, while the other one waits
	expect(t, idle.ask(get), "origin 1")
	close(release)
	expect(t, paused.answer(), "workstation")
	expect(t, paused.ask(get), "origin 1")
	<-ended
	eventually(t, "none under way", func() bool { return w.client().Counters.Active == 0 })
}

func TestRequestThatTheWorkstationDoesNotTakeGoesToTheOriginUnharmed(t *testing.T) {
	for name, handler := range map[string]tunnel.Handler{
		"refused": refuse,
		"reset":   func(_ context.Context, s tunnel.Stream) { _ = s.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			w := httpWorld(t, web("origin"))
			c := w.caller()
			expect(t, c.ask(get), "origin 1")
			w.connect(handler)
			expect(t, c.ask(post("whole")), "origin 1 whole")
		})
	}
}

func TestIdleConnectionThatItsServerClosesIsNotTheCallersEnd(t *testing.T) {
	for _, side := range []string{"origin", "workstation"} {
		t.Run(side, func(t *testing.T) {
			closed := make(chan struct{}, 1)
			once := func(conn tunnel.Conn) {
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(side), side)
				_ = conn.CloseWrite()
				_, _ = io.Copy(io.Discard, conn) // the agent's end
				closed <- struct{}{}
			}
			w := httpWorld(t, once)
			if side == "workstation" {
				w.connect(taking(once))
			}
			c := w.caller()
			for range 3 {
				expect(t, c.ask(post("x")), side)
				<-closed
			}
		})
	}
}

func TestRequestWithoutAnAnswerIsMadeAgainOnlyWhenThatIsHarmless(t *testing.T) {
	const half = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhal"
	for _, c := range []struct {
		name, request, said, got string
	}{
		{"GET", get, "", "origin 1"},
		{"DELETE", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "", "origin 1"},
		{"POST", post("x"), "", ""},
		{"PUT with a body", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "", ""},
		{"GET with half an answer", get, half, half},
		{"GET with half a head", get, "HTTP/1.1 2", "HTTP/1.1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httpWorld(t, web("origin"))
			w.connect(taking(func(conn tunnel.Conn) {
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				w.stopsToServe()
				_, _ = io.WriteString(conn, c.said)
				if c.said != "" {
					_ = conn.CloseWrite() // so that it arrives
				}
			}))
			caller := w.caller()
			if strings.HasPrefix(c.got, "origin") {
				expect(t, caller.ask(c.request), c.got)
				return
			}
			caller.say(c.request)
			got, err := io.ReadAll(caller.r)
			if string(got) != c.got || err == nil && c.said == "" {
				t.Errorf("got %q, %v; want %q", got, err, c.got)
			}
		})
	}
}

// stopsToServe makes the next request go to the origin.
func (w *world) stopsToServe() {
	w.agent.mu.Lock()
	client := w.agent.clients[w.engineKey.Public()]
	w.agent.mu.Unlock()
	client.mu.Lock()
	defer client.mu.Unlock()
	client.info.Ports = nil
}

func TestRequestIsMadeAgainOnlyOnce(t *testing.T) {
	asked := make(chan struct{}, 10)
	w := httpWorld(t, func(conn tunnel.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			asked <- struct{}{}
		}
	})
	c := w.caller()
	c.say(get)
	if err := c.ends(); err != nil && !isReset(err) {
		t.Error(err)
	}
	if len(asked) != 2 {
		t.Errorf("it was made %d times", len(asked))
	}
}

func TestOriginThatIsNotThereIsSeenAsSuch(t *testing.T) {
	w := httpWorld(t, web("origin"))
	c := w.caller()
	expect(t, c.ask(get), "origin 1")
	w.apply(func(d *control.Desired) {
		d.Ports = []control.Port{{Name: "http", ServicePort: servicePort, TargetPort: int32(w.target), Protocol: "TCP", Origin: fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
	})
	c.say(get)
	if err := c.ends(); !isReset(err) {
		t.Errorf("got %v", err)
	}
}

func TestCallersEndReachesTheServerWhileItAnswers(t *testing.T) {
	for name, leave := range map[string]func(*caller){
		"in good order": func(c *caller) { _ = c.Close() },
		"by a reset":    func(c *caller) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan error, 1)
			asked := make(chan struct{})
			w := httpWorld(t, web("origin"))
			w.connect(taking(func(conn tunnel.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				close(asked)
				_, err := conn.Read(make([]byte, 1))
				got <- err
			}))
			c := w.caller()
			c.say(get)
			<-asked
			leave(c)
			if err := <-got; !errors.Is(err, io.EOF) && !errors.Is(err, tunnel.ErrReset) {
				t.Errorf("the server sees %v", err)
			}
		})
	}
}
