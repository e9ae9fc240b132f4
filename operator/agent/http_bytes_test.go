package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// talk is what one side says after the other: caller first.
type talk struct {
	name string
	said []string
	// ends: the server ends the connection after it.
	ends bool
}

const answer = "HTTP/1.1 200 Fine\r\nx-CASE: a\r\nX-Case:  b \r\nContent-Length: 2\r\n\r\nok"

var talks = []talk{
	{"two requests", []string{"GET / HTTP/1.1\r\nhOST: a\r\nB: 2\r\nA: 1\r\n\r\n", answer, "HEAD / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"}, false},
	{"chunks both ways", []string{
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n3;e=\"1\"\r\nabc\r\n0\r\nX: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n000\r\nServer-Timing: 1\r\n\r\n",
		get, answer,
	}, false},
	{"interim answers", []string{get, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer, get, answer}, false},
	{"continue", []string{
		"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "abc", answer, get, answer,
	}, false},
	{"no need to continue", []string{
		"POST / HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", get, answer,
	}, false},
	{"no body", []string{get, "HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n", get, "HTTP/1.1 204 None\r\n\r\n", get, answer}, false},
	{"an answer before the whole request", []string{"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc", answer, "def" + get, answer}, false},
	{"until its end", []string{get, "HTTP/1.1 200 OK\r\n\r\nas much as comes"}, true},
	{"close of the server", []string{get, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"}, true},
	{"close of the caller", []string{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", answer}, true},
	{"HTTP/1.0", []string{"GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nold"}, true},
	{"HTTP/1.0 kept", []string{
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold", get, answer,
	}, false},
	{"WebSocket", []string{
		"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi", "\x81\x85\x00\x00\x00\x00hello", "\x81\x05hello", "\x88\x80", "\x88\x00",
	}, true},
	{"an upgrade that is refused", []string{"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", answer, get, answer}, false},
	{"CONNECT", []string{"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "GET / anything\r\n", "\x00\x01"}, true},
	{"CONNECT refused", []string{"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", answer, get, answer}, false},

	// What can't be told apart is carried by connection, as it is.
	{"two lengths", []string{"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n", answer, "any\n", "thing"}, false},
	{"bare line feeds", []string{"GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 200 OK\n\nok"}, true},
	{"a bad chunk", []string{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef", answer, "\x00", "\x01"}, false},
	{"a bad answer", []string{get, "ICY 200 OK\r\n\r\nmusic", "what?", "more music"}, false},
	{"a bad chunk of the answer", []string{get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "\x01\x02", "\x03"}, false},
	{"another protocol in the midst", []string{get, answer, "\x16\x03\x01", "\x16\x03\x03", "\x00", "\x01"}, false},
	{"a long head", []string{"GET /" + strings.Repeat("x", 70<<10) + " HTTP/1.1\r\n\r\n", answer, get, answer}, false},
	{"another protocol", []string{"\x00\x00\x01hello", "\x01\x00", "GET / HTTP/1.1\r\n\r\n", "\x02"}, false},
	{"a text protocol", []string{"PING\n", "PONG\n", "GET key\n", "value\n"}, false},
}

// play is the server's part: it reads exactly what the caller has to say before it speaks.
func (k talk) play(t *testing.T) func(tunnel.Conn) {
	return func(conn tunnel.Conn) {
		for i := 0; i+1 < len(k.said); i += 2 {
			got := make([]byte, len(k.said[i]))
			if n, err := io.ReadFull(conn, got); err != nil || string(got) != k.said[i] {
				if n > 0 {
					t.Errorf("%s: the server got %q, %v; want %q", k.name, got[:n], err, k.said[i])
				}
				return
			}
			if _, err := io.WriteString(conn, k.said[i+1]); err != nil {
				return // the caller knows what is missing
			}
		}
		if k.ends {
			_ = conn.CloseWrite()
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

// act is the caller's part; its words come in two parts each, cut at a byte.
func (k talk) act(w *world, cut int) {
	c := w.caller()
	defer func() { _ = c.Close() }()
	for i, text := range k.said {
		if i%2 == 1 {
			c.hears(text)
			continue
		}
		at := min(cut, len(text))
		c.say(text[:at])
		if at < len(text) {
			c.say(text[at:])
		}
	}
	if k.ends {
		if err := c.ends(); err != nil {
			w.t.Errorf("%s: %v", k.name, err)
		}
	}
}

func TestBytesAreAsIfNobodyWereThere(t *testing.T) {
	for _, side := range []string{"origin", "workstation"} {
		for _, name := range []string{"http", ""} {
			for _, k := range talks {
				t.Run(fmt.Sprintf("%s/%s/%s", side, name, k.name), func(t *testing.T) {
					w := httpWorld(t, k.play(t))
					w.apply(func(d *control.Desired) {
						p := d.Ports[0]
						p.Name = name
						d.Ports = []control.Port{p}
					})
					if side == "workstation" {
						w.connect(taking(k.play(t)))
					}
					longest := 0
					for i := 0; i < len(k.said); i += 2 {
						longest = max(longest, len(k.said[i]))
					}
					for cut := 0; cut < min(longest, 200); cut++ {
						k.act(w, cut)
					}
				})
			}
		}
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	w := httpWorld(t, web("origin"))
	e := w.connect(taking(web("workstation")))
	c := w.caller()
	c.say(post("a") + get + post("b") + get[:7])
	for _, want := range []string{"workstation 1 a", "workstation 2", "workstation 3 b"} {
		expect(t, c.answer(), want)
	}
	e.serves()
	c.say(get[7:])
	expect(t, c.answer(), "origin 1")
}

func TestServerMaySpeakFirst(t *testing.T) {
	for _, name := range []string{"", "http", "smtp", "mysql-x"} {
		for _, side := range []string{"origin", "workstation"} {
			t.Run(name+"/"+side, func(t *testing.T) {
				serve := func(conn tunnel.Conn) {
					_, _ = io.WriteString(conn, "220 "+side+"\r\n")
					line, _ := bufio.NewReader(conn).ReadString('\n')
					_, _ = io.WriteString(conn, "250 "+line)
					_, _ = io.Copy(io.Discard, conn)
				}
				w := httpWorld(t, serve)
				w.apply(func(d *control.Desired) {
					p := d.Ports[0]
					p.Name = name
					d.Ports = []control.Port{p}
				})
				if side == "workstation" {
					w.connect(taking(serve))
				}
				c := w.caller()
				c.hears("220 " + side + "\r\n")
				c.say("HELO\r\n")
				c.hears("250 HELO\r\n")
			})
		}
	}
}

// A caller of a port that may carry anything can wait for an answer to what might be
// the first half of a request line.
func TestWhatIsNoRequestYetIsHandedOn(t *testing.T) {
	k := talk{"halves", []string{"GET", "1", " key", "2", " HTTP/1.1\r\n", "3"}, false}
	w := httpWorld(t, k.play(t))
	w.apply(func(d *control.Desired) {
		p := d.Ports[0]
		p.Name = ""
		d.Ports = []control.Port{p}
	})
	w.connect(taking(k.play(t)))
	k.act(w, 0)
	eventually(t, "none under way", func() bool { return w.client().Counters.Active == 0 })
}

func TestWorkstationThatGoesBeforeAnybodyHasSpokenIsReplaced(t *testing.T) {
	for _, name := range []string{"", "http"} {
		for what, goes := range map[string]func(*world, *engine){
			"it stops to serve": func(_ *world, e *engine) { e.serves() },
			"it is away":        func(_ *world, e *engine) { e.line.set(true) },
			"the agent drains":  func(w *world, _ *engine) { w.draining(patience) },
			"it is withdrawn":   func(w *world, _ *engine) { w.apply(func(d *control.Desired) { d.Clients = nil }) },
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				taken := make(chan struct{}, 1)
				w := httpWorld(t, web("origin"))
				w.apply(func(d *control.Desired) {
					p := d.Ports[0]
					p.Name = name
					d.Ports = []control.Port{p}
				})
				e := w.connect(func(ctx context.Context, s tunnel.Stream) {
					taken <- struct{}{}
					taking(web("workstation"))(ctx, s)
				})
				c := w.caller()
				<-taken
				eventually(t, "connected", func() bool { return w.client().Counters.Connections == 1 })
				goes(w, e)
				eventually(t, "replaced", func() bool { return len(w.client().Serving) == 0 || w.agent.leaving.Load() })
				expect(t, c.ask(get), "origin 1")
			})
		}
	}
}

// endless writes as long as it may, and tells how much that was.
func endless(conn net.Conn, head string) (n int) {
	_, _ = io.WriteString(conn, head)
	part := make([]byte, 32<<10)
	for {
		// The other side has stopped to read when nothing goes for that long.
		_ = conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		k, err := conn.Write(part)
		if n += k; err != nil {
			return n
		}
	}
}

func TestWhoDoesNotReadHoldsTheOtherSideBack(t *testing.T) {
	const bound = 32 << 20 // of sockets, tunnel and all: what follows has no end
	head := "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
	for _, side := range []string{"origin", "workstation"} {
		t.Run("caller/"+side, func(t *testing.T) {
			written := make(chan int, 1)
			serve := func(conn tunnel.Conn) {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					written <- endless(conn, head)
				}
			}
			w := httpWorld(t, serve)
			if side == "workstation" {
				w.connect(taking(serve))
			}
			c := w.caller()
			c.say(get)
			if n := <-written; n > bound {
				t.Errorf("%d bytes went to a caller who reads nothing", n)
			}
		})
		t.Run("server/"+side, func(t *testing.T) {
			stop := make(chan struct{})
			serve := func(tunnel.Conn) { <-stop }
			w := httpWorld(t, serve)
			if side == "workstation" {
				w.connect(taking(serve))
			}
			t.Cleanup(func() { close(stop) })
			c := w.caller()
			if n := endless(c, "POST / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n"); n > bound {
				t.Errorf("%d bytes went to a server that reads nothing", n)
			}
		})
	}
}

func TestAnswerThatComesSlowlyComesAtOnce(t *testing.T) {
	next := make(chan string)
	serve := func(conn tunnel.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		for text := range next {
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
	w := httpWorld(t, serve)
	w.connect(taking(serve))
	c := w.caller()
	c.say(get)
	for _, text := range []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "6\r\ndata: ", "\r\n", "2\r\n1\n\r\n", "0\r\n\r\n"} {
		next <- text
		c.hears(text)
	}
	close(next)
}

func TestCallersAreSentAwayBeforeThePodGoes(t *testing.T) {
	const told = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\norigin 2 "
	w := httpWorld(t, web("origin"), withTimes(times{quiet: time.Hour, linger: time.Millisecond, finish: patience, accept: patience}))
	w.connect(taking(web("workstation")))
	one, idle := w.caller(), w.caller()
	expect(t, one.ask(get), "workstation 1")
	expect(t, idle.ask(get), "workstation 1")
	w.draining(patience)
	w.drained()
	one.say(post("x") + get) // one is answered, the other has to be asked elsewhere
	one.hears("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\norigin 1 x")
	if err := one.ends(); err != nil {
		t.Error(err)
	}
	w.apply(func(d *control.Desired) { d.Draining = false })
	expect(t, idle.ask(get), "workstation 1")
	w.draining(patience)
	eventually(t, "let go", func() bool { return w.client().Counters.Active == 0 })
	idle.say(get)
	idle.hears(strings.Replace(told, "2 ", "1 ", 1))
	if err := idle.ends(); err != nil {
		t.Error(err)
	}
}

func TestRequestThatWaitsIsNotTakenForRest(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	w := httpWorld(t, web("origin"))
	w.connect(func(ctx context.Context, s tunnel.Stream) {
		close(asked)
		<-release
		refuse(ctx, s)
	})
	c := w.caller()
	c.say(get) // and nobody reads that yet
	<-asked
	began := time.Now()
	eventually(t, "some time has passed", func() bool {
		w.agent.calls.part(restLimits{time.Millisecond, time.Millisecond})
		return time.Since(began) > 50*time.Millisecond
	})
	close(release)
	expect(t, c.answer(), "origin 1")
}

func TestConnectionThatRestsIsLetGoOfLast(t *testing.T) {
	w := httpWorld(t, web("origin"), withTimes(times{quiet: time.Millisecond, linger: time.Millisecond, finish: patience, accept: patience}))
	c := w.caller()
	expect(t, c.ask(get), "origin 1")
	w.stop()
	if err := c.ends(); err != nil {
		t.Error(err)
	}
	_ = c.Close()
	<-w.stopped
}
