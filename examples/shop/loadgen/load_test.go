package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask asks the generator, and reads what it says.
func ask(t *testing.T, g generator, method, path string, query url.Values, into any) int {
	t.Helper()
	w := httptest.NewRecorder()
	handler(g).ServeHTTP(w, httptest.NewRequest(method, path+"?"+query.Encode(), nil))
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	return w.Code
}

// target is what is called. It counts its calls and connections, and tells when it has been called often.
type target struct {
	url                string
	calls, connections atomic.Int64
	often              chan struct{}
}

func newTarget(t *testing.T, often int64, answer http.HandlerFunc) *target {
	t.Helper()
	x := &target{often: make(chan struct{})}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r)
		if x.calls.Add(1) == often {
			close(x.often)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			x.connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	x.url = server.URL
	return x
}

// load runs a load until the target has been called often.
func load(t *testing.T, x *target) Stats {
	t.Helper()
	g := generator{loads: newLoads()}
	if code := ask(t, g, http.MethodPost, "/load", url.Values{"url": {x.url}, "pause": {"1ms"}}, nil); code != http.StatusOK {
		t.Fatalf("start: %d", code)
	}
	<-x.often
	var stats Stats
	ask(t, g, http.MethodDelete, "/load", nil, &stats)
	return stats
}

func TestLoadCountsByKindOfConnectionAndByWhoAnswers(t *testing.T) {
	x := newTarget(t, 40, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"servedBy":"me"}`)) })
	stats := load(t, x)
	if sum := stats.Kept.Requests + stats.Fresh.Requests; sum != x.calls.Load() || stats.Kept.Failed+stats.Fresh.Failed != 0 {
		t.Errorf("%+v, of %d calls", stats, x.calls.Load())
	}
	if stats.Kept.ServedBy["me"] != stats.Kept.Requests || stats.Fresh.ServedBy["me"] != stats.Fresh.Requests {
		t.Errorf("served by: %+v", stats)
	}
	if stats.Kept.Moved+stats.Fresh.Moved != 0 {
		t.Errorf("moved: %+v", stats)
	}
	if c := stats.Fresh.Changes; len(c) != 1 || c[0].ServedBy != "me" {
		t.Errorf("changes: %+v", c)
	}
	if n := x.connections.Load(); n < stats.Fresh.Requests || n >= stats.Fresh.Requests+stats.Kept.Requests {
		t.Errorf("%d connections for %+v", n, stats)
	}
}

func TestLoadCountsAnswersOfOthersOnAKeptConnection(t *testing.T) {
	var asked atomic.Int64
	x := newTarget(t, 40, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"servedBy":"` + strconv.FormatInt(asked.Add(1), 10) + `"}`))
	})
	if stats := load(t, x); stats.Kept.Moved == 0 || stats.Kept.Moved >= stats.Kept.Requests || stats.Fresh.Moved != 0 {
		t.Errorf("got %+v", stats)
	}
}

func TestLoadCountsWhatFails(t *testing.T) {
	x := newTarget(t, 10, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	stats := load(t, x)
	for _, c := range []Count{stats.Kept, stats.Fresh} {
		var told int64
		for _, n := range c.FailedAt {
			told += n
		}
		if c.Failed != c.Requests || told != c.Requests {
			t.Errorf("got %+v", c)
		}
		if f := c.Failures[0]; f.Stage != "reading the answer" || f.Remote == "" || f.Ended.Before(f.Began) || !strings.Contains(f.Error, "503: no") {
			t.Errorf("told as %+v", f)
		}
	}
}

func TestAnotherLoadForgetsTheFirst(t *testing.T) {
	answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hi")) }
	first, second := newTarget(t, 1, answer), newTarget(t, 1, answer)
	g := generator{loads: newLoads()}
	for _, x := range []*target{first, second} {
		ask(t, g, http.MethodPost, "/load", url.Values{"url": {x.url}, "pause": {"1ms"}}, nil)
		<-x.often
	}
	var stats Stats
	ask(t, g, http.MethodDelete, "/load", nil, &stats)
	if sum := stats.Kept.Requests + stats.Fresh.Requests; stats.URL != second.url || sum != second.calls.Load() {
		t.Errorf("got %+v, of %d calls", stats, second.calls.Load())
	}
	ask(t, g, http.MethodDelete, "/load", nil, &stats) // nothing runs
}

func TestLoadIsRefusedWithoutSense(t *testing.T) {
	g := generator{loads: newLoads()}
	for _, query := range []url.Values{{}, {"url": {"http://x"}, "pause": {"-1s"}}, {"url": {"http://x"}, "pause": {"soon"}}} {
		if code := ask(t, g, http.MethodPost, "/load", query, nil); code != http.StatusBadRequest {
			t.Errorf("%v: status %d", query, code)
		}
	}
}

func TestCallPassesTheAnswerOn(t *testing.T) {
	x := newTarget(t, 1, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`"hello"`)) })
	defer http.DefaultClient.CloseIdleConnections()
	for _, kind := range []string{"", "1"} {
		var text string
		g := generator{loads: newLoads()}
		if code := ask(t, g, http.MethodGet, "/call", url.Values{"url": {x.url}, "fresh": {kind}}, &text); code != http.StatusOK || text != "hello" {
			t.Errorf("fresh=%q: %d, %q", kind, code, text)
		}
	}
}
