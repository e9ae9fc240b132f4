package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// feed is a listener of the connections that a side is given.
type feed struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (f *feed) Accept() (net.Conn, error) {
	select {
	case conn := <-f.conns:
		return conn, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}
func (f *feed) Addr() net.Addr { return &net.TCPAddr{} }
func (f *feed) Close() error   { f.once.Do(func() { close(f.closed) }); return nil }

// notes tells its end.
type notes struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (n *notes) Close() error {
	n.once.Do(func() { close(n.done) })
	return n.Conn.Close()
}

func h2c() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

// h2cSide serves connections by HTTP/2 with a handler.
func h2cSide(t *testing.T, handler http.Handler) func(tunnel.Conn) {
	return h2cSideWith(t, handler, nil)
}

func h2cSideWith(t *testing.T, handler http.Handler, config *http.HTTP2Config) func(tunnel.Conn) {
	f := &feed{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, Protocols: h2c(), HTTP2: config, ErrorLog: quiet}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(f) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return func(conn tunnel.Conn) {
		n := &notes{Conn: conn, done: make(chan struct{})}
		select {
		case f.conns <- n:
			<-n.done
		case <-f.closed:
		}
	}
}

// named says its name, and repeats what it was told.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s", name, body)
	})
}

// h2cCaller is a caller with one connection.
type h2cCaller struct {
	*http.Client
	t     *testing.T
	dials *int
	url   string
}

func (w *world) h2cCaller() *h2cCaller {
	dials := 0
	var mu sync.Mutex
	transport := &http.Transport{Protocols: h2c(), DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		dials++
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &h2cCaller{&http.Client{Transport: transport, Timeout: patience}, w.t, &dials, "http://" + w.dialAddr()}
}

func (c *h2cCaller) ask(method, body string) string {
	c.t.Helper()
	answer, err := c.try(method, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func (c *h2cCaller) try(method, body string) (string, error) {
	r, err := http.NewRequest(method, c.url, strings.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		return "", err
	}
	response, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	return string(b), err
}

func TestStreamsOfOneConnectionChangeSides(t *testing.T) {
	for _, name := range []string{"grpc", "http", ""} {
		t.Run(name, func(t *testing.T) {
			w := httpWorld(t, h2cSide(t, named("origin")))
			w.rename(name)
			c := w.h2cCaller()
			expect(t, c.ask("POST", "1"), "origin 1")
			e := w.connect(taking(h2cSide(t, named("workstation"))))
			for range 3 {
				expect(t, c.ask("POST", "2"), "workstation 2")
				expect(t, c.ask("GET", ""), "workstation")
				if answer := e.serves(); answer.Active != 0 {
					t.Errorf("under way: %d", answer.Active)
				}
				expect(t, c.ask("POST", "3"), "origin 3")
				e.serves(servicePort)
			}
			expect(t, c.ask("GET", ""), "workstation")
			e.line.set(true)
			eventually(t, "detached", func() bool { return !w.client().Attached })
			expect(t, c.ask("POST", "4"), "origin 4")
			if *c.dials != 1 {
				t.Errorf("the caller connected %d times", *c.dials)
			}
		})
	}
}

// rename gives the port another name.
func (w *world) rename(name string) {
	w.apply(func(d *control.Desired) {
		p := d.Ports[0]
		p.Name = name
		d.Ports = []control.Port{p}
	})
}

func TestPrefaceMayComeInParts(t *testing.T) {
	w := httpWorld(t, h2cSide(t, named("origin")))
	settings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	for cut := range preface {
		c := w.caller()
		c.say(string(preface[:cut]))
		c.say(string(preface[cut:]) + string(settings))
		b := make([]byte, 4)
		if _, err := io.ReadFull(c.r, b); err != nil || b[3] != 4 {
			t.Errorf("cut at %d: answered by %v, %v", cut, b, err)
		}
		_ = c.Close()
	}
}

func TestStreamThatTheWorkstationDoesNotTakeGoesToTheOriginUnharmed(t *testing.T) {
	w := httpWorld(t, h2cSide(t, named("origin")))
	w.connect(refuse)
	expect(t, w.h2cCaller().ask("POST", "whole"), "origin whole")
}

// answers as a gRPC server does: both ways at once, the status in trailers.
func streaming(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		flusher := http.NewResponseController(w)
		w.Header().Set("Content-Type", "application/grpc")
		_ = flusher.Flush()
		b := make([]byte, 1)
		for {
			if _, err := r.Body.Read(b); err != nil {
				break
			}
			_, _ = fmt.Fprintf(w, "%s %s\n", name, b)
			_ = flusher.Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", r.Header.Get("Te"))
	})
}

func TestStreamGoesBothWaysAtOnceAndEndsWithTrailers(t *testing.T) {
	w := httpWorld(t, h2cSide(t, named("origin")))
	e := w.connect(taking(h2cSide(t, streaming("workstation"))))
	c := w.h2cCaller()
	in, out := io.Pipe()
	r := must(http.NewRequest("POST", c.url+"/a/b", in))(t) //nolint:noctx // the client has a timeout
	r.Header.Set("Te", "trailers")
	response := must(c.Do(r))(t)
	defer func() { _ = response.Body.Close() }()
	for i := range 5 {
		if i == 3 {
			e.serves() // what is under way stays
			expect(t, c.ask("POST", "new"), "origin new")
		}
		_, _ = fmt.Fprint(out, i)
		line := make([]byte, len("workstation 0\n"))
		if _, err := io.ReadFull(response.Body, line); err != nil || string(line) != fmt.Sprintf("workstation %d\n", i) {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	if n := w.client().Counters.Active; n != 1 {
		t.Errorf("%d under way", n)
	}
	_ = out.Close()
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Errorf("then came %q, %v", rest, err)
	}
	if got := response.Trailer; got.Get("Grpc-Status") != "0" || got.Get("Grpc-Message") != "trailers" {
		t.Errorf("trailers: %v", got)
	}
	eventually(t, "none under way", func() bool { return w.client().Counters.Active == 0 })
}

func TestStreamThatItsCallerGivesUpIsGivenUp(t *testing.T) {
	given := make(chan struct{})
	w := httpWorld(t, h2cSide(t, named("origin")))
	w.connect(taking(h2cSide(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(given)
	}))))
	c := w.h2cCaller()
	ctx, cancel := context.WithCancel(t.Context())
	r := must(http.NewRequestWithContext(ctx, "POST", c.url, nil))(t)
	response := must(c.Do(r))(t)
	cancel()
	<-given
	_ = response.Body.Close()
}

func TestStreamIsAsIfNobodyWereThere(t *testing.T) {
	type seen struct {
		method, uri, host string
		header            http.Header
		trailer           http.Header
		length            int64
	}
	got := make(chan seen, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		got <- seen{r.Method, r.RequestURI, r.Host, r.Header, r.Trailer, r.ContentLength}
		w.Header().Set("Link", "</x>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header()["Date"], w.Header()["Content-Type"], w.Header()["Content-Length"] = nil, nil, nil
		w.Header().Set("Trailer", "X-End")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "<html>")
		w.Header().Set("X-End", "1")
	})
	w := httpWorld(t, h2cSide(t, handler))
	c := w.h2cCaller()
	for _, uri := range []string{"/a%2Fb/../c?x=1;y=%zz&&", "//double/slash", "/"} {
		r := must(http.NewRequest("PROPFIND", c.url, strings.NewReader("body")))(t) //nolint:noctx // the client has a timeout
		r.URL = &url.URL{Scheme: "http", Host: w.dialAddr(), Opaque: uri}
		if strings.HasPrefix(uri, "//") {
			r.URL = &url.URL{Scheme: "http", Host: w.dialAddr(), Path: uri}
		}
		r.Host = "shop.example:8080"
		r.Header = http.Header{"User-Agent": nil, "X-Forwarded-For": {"10.0.0.1"}, "Forwarded": {"for=a"}, "Accept-Encoding": {"br"}, "Te": {"trailers"}}
		r.Trailer = http.Header{"X-Sum": {"7"}}
		var hints []string
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, h.Get("Link")))
			return nil
		}}))
		response := must(c.Do(r))(t)
		body := must(io.ReadAll(response.Body))(t)
		_ = response.Body.Close()
		s := <-got
		if s.method != "PROPFIND" || s.uri != uri || s.host != "shop.example:8080" || s.length != 4 {
			t.Errorf("the server got %+v for %s", s, uri)
		}
		delete(s.header, "Content-Length")
		want := http.Header{"X-Forwarded-For": {"10.0.0.1"}, "Forwarded": {"for=a"}, "Accept-Encoding": {"br"}, "Te": {"trailers"}}
		if fmt.Sprint(s.header) != fmt.Sprint(want) || s.trailer.Get("X-Sum") != "7" {
			t.Errorf("the server got %v, trailers %v", s.header, s.trailer)
		}
		if response.StatusCode != http.StatusTeapot || len(response.Header) != 0 || string(body) != "<html>" || response.Trailer.Get("X-End") != "1" || !slices.Equal(hints, []string{"103</x>"}) {
			t.Errorf("the caller got %d, %v, %q, %v, %v", response.StatusCode, response.Header, body, response.Trailer, hints)
		}
	}
}

func TestAnswerOfHeadersAloneStaysOne(t *testing.T) {
	w := httpWorld(t, h2cSide(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Grpc-Status", "12")
		w.Header()["Content-Length"] = nil
	})))
	c := w.h2cCaller()
	response := must(c.Post(c.url, "application/grpc", strings.NewReader("x")))(t) //nolint:noctx // the client has a timeout
	_ = response.Body.Close()
	// net/http says 0 only of an answer whose head has the flag END_STREAM.
	if response.ContentLength != 0 || response.Header.Get("Content-Length") != "" || response.Header.Get("Grpc-Status") != "12" {
		t.Errorf("%d %v", response.ContentLength, response.Header)
	}
}

func TestStreamWithoutAnAnswerIsMadeAgainOnlyWhenThatIsHarmless(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			w := httpWorld(t, h2cSide(t, named("origin")))
			w.connect(taking(h2cSide(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				w.stopsToServe()
				panic(http.ErrAbortHandler)
			}))))
			got, err := w.h2cCaller().try(method, "")
			if method == "GET" && (err != nil || got != "origin ") || method == "POST" && err == nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestCallersOfStreamsAreSentAwayBeforeThePodGoes(t *testing.T) {
	w := httpWorld(t, h2cSide(t, streaming("origin")), withTimes(times{quiet: time.Hour, linger: time.Millisecond, finish: patience, accept: patience}))
	c := w.h2cCaller()
	in, out := io.Pipe()
	r := must(http.NewRequest("POST", c.url, in))(t) //nolint:noctx // the client has a timeout
	response := must(c.Do(r))(t)
	defer func() { _ = response.Body.Close() }()
	w.draining(patience)
	w.drained()
	// After GOAWAY the caller makes its requests on another connection.
	eventually(t, "sent away", func() bool { c.ask("POST", "x"); return *c.dials > 1 })
	_, _ = io.WriteString(out, "y")
	_ = out.Close()
	if b, err := io.ReadAll(response.Body); err != nil || string(b) != "origin y\n" {
		t.Errorf("what was under way got %q, %v", b, err)
	}
}

// hasty makes a server believe that its caller has spoken, so that it sends its
// SETTINGS at once, as gRPC's servers in C do.
type hasty struct {
	tunnel.Conn
	said  int // of the preface
	heard bool
}

func (h *hasty) Read(b []byte) (int, error) {
	if h.said < len(preface) {
		n := copy(b, preface[h.said:])
		h.said += n
		return n, nil
	}
	if !h.heard {
		if _, err := io.ReadFull(h.Conn, make([]byte, len(preface))); err != nil {
			return 0, err
		}
		h.heard = true
	}
	return h.Conn.Read(b)
}

func TestServerOfStreamsMaySpeakFirst(t *testing.T) {
	handler := h2cSide(t, named("origin"))
	w := httpWorld(t, func(conn tunnel.Conn) { handler(&hasty{Conn: conn}) })
	c := w.h2cCaller()
	expect(t, c.ask("POST", "x"), "origin x")
	w.connect(taking(h2cSide(t, named("workstation"))))
	expect(t, c.ask("POST", "x"), "workstation x")
}

func TestManyStreamsAtOnceChangeSidesWithoutAFailure(t *testing.T) {
	w := httpWorld(t, h2cSide(t, named("origin")))
	e := w.attach(taking(h2cSide(t, named("workstation"))))
	c := w.h2cCaller()
	body := strings.Repeat("x", 10_000)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				got, err := c.try("POST", body)
				if _, rest, _ := strings.Cut(got, " "); err != nil || rest != body {
					t.Errorf("%d bytes, %v", len(got), err)
					return
				}
			}
		})
	}
	for range 10 {
		e.serves(servicePort)
		before := w.client().Counters.Requests
		eventually(t, "requests at the workstation", func() bool { return w.client().Counters.Requests > before+20 })
		e.serves()
		eventually(t, "none under way there", func() bool { return w.client().Counters.Active == 0 })
	}
	close(stop)
	group.Wait()
}

func TestAnswerWithoutContentEndsWithItsHead(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		code   int
		length string
	}{
		"204":                      {"POST", http.StatusNoContent, ""},
		"204 of GET":               {"GET", http.StatusNoContent, ""},
		"304":                      {"GET", http.StatusNotModified, ""},
		"304 that tells a length":  {"GET", http.StatusNotModified, "42"},
		"HEAD":                     {"HEAD", http.StatusOK, ""},
		"HEAD that tells a length": {"HEAD", http.StatusOK, "42"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httpWorld(t, h2cSide(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.length != "" {
					w.Header().Set("Content-Length", c.length)
				}
				w.WriteHeader(c.code)
				_ = http.NewResponseController(w).Flush() // the head has no END_STREAM
			})))
			caller := w.h2cCaller()
			r := must(http.NewRequest(c.method, caller.url, nil))(t) //nolint:noctx // the client has a timeout
			response := must(caller.Do(r))(t)
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if errors.Is(err, io.ErrUnexpectedEOF) && c.code == http.StatusNotModified {
				err = nil // as net/http says of such a length, whoever sends it
			}
			if response.StatusCode != c.code || len(body) > 0 || err != nil || response.Header.Get("Content-Length") != c.length {
				t.Errorf("got %d %v, %q, %v", response.StatusCode, response.Header, body, err)
			}
		})
	}
}

func TestTrailersComeWhetherAnnouncedOrNot(t *testing.T) {
	for name, announced := range map[string][]string{
		"none":              nil,
		"some":              {"Grpc-Status", "Grpc-Message"}, // as of grpc-go behind net/http
		"one that is unset": {"X-Never"},
		"all":               {"Grpc-Status", "Grpc-Message", "X-More"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httpWorld(t, h2cSide(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for _, name := range announced {
					w.Header().Add("Trailer", name)
				}
				_, _ = io.WriteString(w, "body")
				_ = http.NewResponseController(w).Flush()
				for name, value := range map[string]string{"Grpc-Status": "5", "Grpc-Message": "not found", "X-More": "details"} {
					if !slices.Contains(announced, name) {
						name = http.TrailerPrefix + name
					}
					w.Header().Set(name, value)
				}
			})))
			c := w.h2cCaller()
			response := must(c.Post(c.url, "application/grpc", strings.NewReader("x")))(t) //nolint:noctx // the client has a timeout
			defer func() { _ = response.Body.Close() }()
			body := must(io.ReadAll(response.Body))(t)
			got := response.Trailer
			delete(got, "X-Never")
			want := http.Header{"Grpc-Status": {"5"}, "Grpc-Message": {"not found"}, "X-More": {"details"}}
			if fmt.Sprint(got) != fmt.Sprint(want) || string(body) != "body" {
				t.Errorf("got %q, trailers %v", body, got)
			}
		})
	}
}
