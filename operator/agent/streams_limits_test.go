package agent

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/kubetunnel/kubetunnel/operator/control"
)

func TestSideThatARequestHasBegunOnIsNotLetGoOf(t *testing.T) {
	w := httpWorld(t, h2cSide(t, named("origin")))
	w.connect(taking(h2cSide(t, named("workstation"))))
	w.agent.mu.Lock()
	var p *port
	for _, p = range w.agent.ports {
	}
	w.agent.mu.Unlock()
	s := newStreams(w.agent, &call{conn: w.call()}, p)
	has := func(to *side) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.sides[to.session] == to
	}
	to := s.begin(false)
	if to.by == nil {
		t.Fatal("it is not the workstation's")
	}
	w.stopsToServe()
	s.reconsider()
	if !has(to) {
		t.Error("it was let go of with a request under way")
	}
	if n := w.client().Counters.Active; n != 1 {
		t.Errorf("%d under way", n)
	}
	s.end(to)
	if has(to) {
		t.Error("it was not let go of")
	}
	// Its connection may come later than its last request has ended.
	up := must(s.dialWorkstation(to, nil))(t)
	if _, err := s.adopt(to, up); err == nil {
		t.Error("it got a connection that nobody closes")
	}
}

// zeros is a body of so many bytes.
type zeros struct{ left int }

func (e *zeros) Read(b []byte) (int, error) {
	n := min(len(b), e.left)
	if n == 0 {
		return 0, io.EOF
	}
	e.left -= n
	return n, nil
}

func TestStreamThatIsNotReadHoldsNoOtherBack(t *testing.T) {
	const much = 8 << 20
	release := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/unread":
			_ = http.NewResponseController(w).Flush()
			<-release
		case "/much":
			_, _ = io.Copy(w, &zeros{left: much})
		default:
			named("origin").ServeHTTP(w, r)
		}
	})
	for name, start := range map[string]func(*h2cCaller) (*http.Response, error){
		"a request": func(c *h2cCaller) (*http.Response, error) {
			return c.Post(c.url+"/unread", "", &zeros{left: much}) //nolint:noctx // the client has a timeout
		},
		"an answer": func(c *h2cCaller) (*http.Response, error) {
			return c.Get(c.url + "/much") //nolint:noctx // the client has a timeout
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := httpWorld(t, h2cSideWith(t, handler, &http.HTTP2Config{MaxReceiveBufferPerConnection: 64 << 20}))
			c := w.h2cCaller()
			responses := make([]*http.Response, 3)
			for i := range responses {
				responses[i] = must(start(c))(t)
			}
			for range 3 {
				expect(t, c.ask("POST", "ten bytes."), "origin ten bytes.")
			}
			if *c.dials != 1 {
				t.Errorf("the caller connected %d times", *c.dials)
			}
			if name == "a request" {
				close(release)
			}
			for _, response := range responses {
				_ = response.Body.Close()
			}
		})
	}
}

func TestStreamsOfACallerAreBounded(t *testing.T) {
	w := httpWorld(t, h2cSide(t, named("origin")))
	c := w.caller()
	c.say(string(preface))
	framer := http2.NewFramer(c, c.r)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	frame := must(framer.ReadFrame())(t)
	settings, ok := frame.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("the agent began with %v", frame)
	}
	if n, said := settings.Value(http2.SettingMaxConcurrentStreams); !said || n < 250 || n > 1000 {
		t.Errorf("the caller may have %d streams (said: %v)", n, said)
	}
}

func TestServerThatTakesFewStreamsGetsMoreConnections(t *testing.T) {
	const many = 10
	var together sync.WaitGroup
	together.Add(many)
	w := httpWorld(t, h2cSideWith(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait()
		named("origin").ServeHTTP(w, r)
	}), &http.HTTP2Config{MaxConcurrentStreams: 2}))
	c := w.h2cCaller()
	var group sync.WaitGroup
	for range many {
		group.Go(func() {
			if got, err := c.try("GET", ""); err != nil || got != "origin " {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	group.Wait()
}

func TestOriginThatIsNotThereEndsOnlyTheStreamsThatNeedIt(t *testing.T) {
	for name, held := range map[string]bool{"while the workstation has one": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			w := httpWorld(t, h2cSide(t, named("origin")))
			e := w.connect(taking(h2cSide(t, streaming("workstation"))))
			c := w.h2cCaller()
			expect(t, c.ask("POST", "1"), "workstation 1")
			w.apply(func(d *control.Desired) {
				p := d.Ports[0]
				p.Origin = fmt.Sprintf("127.0.0.1:%d", freePort(t))
				d.Ports = []control.Port{p}
			})
			in, out := io.Pipe()
			var response *http.Response
			if held {
				r := must(http.NewRequest("POST", c.url, in))(t) //nolint:noctx // the client has a timeout
				response = must(c.Do(r))(t)
				defer func() { _ = response.Body.Close() }()
			}
			e.serves()
			_, err := c.Post(c.url, "", struct{ io.Reader }{strings.NewReader("2")}) //nolint:noctx,bodyclose // the client has a timeout; it fails
			if err == nil {
				t.Fatal("it was answered by nobody")
			}
			if isReset(err) == held || held && !strings.Contains(err.Error(), "REFUSED_STREAM") {
				t.Errorf("it got %v", err)
			}
			if held {
				_, _ = io.WriteString(out, "3")
				_ = out.Close()
				if b, err := io.ReadAll(response.Body); err != nil || string(b) != "workstation 3\n" {
					t.Errorf("what was under way got %q, %v", b, err)
				}
			}
		})
	}
}

func TestWhoDoesNotReadAStreamHoldsItsServerBack(t *testing.T) {
	const bound = 64 << 20
	written := make(chan int, 1)
	w := httpWorld(t, h2cSide(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := make([]byte, 32<<10)
		n := 0
		for {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			k, err := w.Write(part)
			if n += k; err != nil || n > bound {
				written <- n
				return
			}
		}
	})))
	c := w.h2cCaller()
	response := must(c.Get(c.url))(t) //nolint:noctx // the client has a timeout
	defer func() { _ = response.Body.Close() }()
	if n := <-written; n > bound {
		t.Errorf("%d bytes went to a caller who reads nothing", n)
	}
}
