package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// loads are the loads that run, by the name of the app.
type loads struct {
	mu  sync.Mutex
	all map[string]*load
}

// serveLoad takes orders until ctx ends.
func serveLoad(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	address := flags.String("http", ":8080", "where orders are taken")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server := &http.Server{Addr: *address, Handler: orders(&loads{all: map[string]*load{}}), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// orders are:
//
//	POST   /load?app=NAME&timeout=10s   begins a load on http://NAME/ and NAME:9000; share=2 makes half of it
//	POST   /mark?excuse=pinned          a fault comes now
//	GET    /load                        what the loads have seen
//	DELETE /load                        ends them all, and tells what they have seen
//	GET    /ask?url=…                   one call, whose answer is passed on
//	POST   /hold?url=…                  one call, whose answer is kept
//	GET    /hold                        waits for that answer, and passes it on
//	GET    /line?app=NAME&from=20001    asks NAME:9000 for a line, from that port of this pod
//	POST   /line?app=NAME&from=20001    the same again and again on that connection; answers when the first line is there
//	DELETE /line                        waits until that connection is broken, and tells by what
func orders(l *loads) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /load", l.begin)
	mux.HandleFunc("POST /mark", func(_ http.ResponseWriter, r *http.Request) {
		l.each(func(one *load) { one.setMark(excuse(r.FormValue("excuse"))) })
	})
	mux.HandleFunc("GET /load", func(w http.ResponseWriter, _ *http.Request) { l.tell(w) })
	mux.HandleFunc("DELETE /load", func(w http.ResponseWriter, _ *http.Request) {
		var group sync.WaitGroup
		l.each(func(one *load) { group.Go(one.stop) })
		group.Wait()
		l.tell(w)
	})
	mux.HandleFunc("GET /ask", func(w http.ResponseWriter, r *http.Request) { get(r.Context(), r.FormValue("url")).write(w) })
	held := make(chan reply, 1)
	mux.HandleFunc("POST /hold", func(_ http.ResponseWriter, r *http.Request) {
		url := r.FormValue("url")
		go func() { held <- get(context.Background(), url) }()
	})
	mux.HandleFunc("GET /hold", func(w http.ResponseWriter, r *http.Request) {
		select {
		case one := <-held:
			one.write(w)
		case <-r.Context().Done():
		}
	})
	broken := make(chan error, 1)
	mux.HandleFunc("GET /line", func(w http.ResponseWriter, r *http.Request) {
		askLines(r.Context(), r.FormValue("app"), r.FormValue("from"), nil).write(w)
	})
	mux.HandleFunc("POST /line", func(w http.ResponseWriter, r *http.Request) {
		askLines(context.WithoutCancel(r.Context()), r.FormValue("app"), r.FormValue("from"), broken).write(w)
	})
	mux.HandleFunc("DELETE /line", func(w http.ResponseWriter, r *http.Request) {
		select {
		case err := <-broken:
			_, _ = fmt.Fprint(w, err) // whoever asked may be gone
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (l *loads) begin(w http.ResponseWriter, r *http.Request) {
	timeout, err := time.ParseDuration(r.FormValue("timeout"))
	app := r.FormValue("app")
	share, _ := strconv.Atoi(r.FormValue("share"))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && (app == "" || timeout <= 0 || l.all[app] != nil) {
		err = fmt.Errorf("load on %q, timeout %s: there is one already, or it makes no sense", app, timeout)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.all[app] = startLoad(app, app, timeout, max(1, share))
}

func (l *loads) each(do func(*load)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		do(one)
	}
}

func (l *loads) tell(w http.ResponseWriter) {
	out := map[string]Stats{}
	l.each(func(one *load) { out[one.name] = one.stats() })
	_ = json.NewEncoder(w).Encode(out) // whoever asked may be gone
}

// reply is the answer to a call, 502 when there was none.
type reply struct {
	status int
	body   []byte
}

func (r reply) write(w http.ResponseWriter) {
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // whoever asked may be gone
}

func failed(err error) reply { return reply{http.StatusBadGateway, []byte(err.Error())} }

// get calls a URL on a new connection.
func get(ctx context.Context, url string) reply {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return failed(err)
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return failed(err)
	}
	return reply{response.StatusCode, body}
}
