package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
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
//	POST   /load?app=NAME&timeout=10s   begins a load on http://NAME/ and NAME:9000
//	POST   /mark?excuse=pinned          a fault comes now
//	GET    /load                        what the loads have seen
//	DELETE /load                        ends them all, and tells what they have seen
//	GET    /ask?url=…                   one call, whose answer is passed on
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
	mux.HandleFunc("GET /ask", ask)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (l *loads) begin(w http.ResponseWriter, r *http.Request) {
	timeout, err := time.ParseDuration(r.FormValue("timeout"))
	app := r.FormValue("app")
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && (app == "" || timeout <= 0 || l.all[app] != nil) {
		err = fmt.Errorf("load on %q, timeout %s: there is one already, or it makes no sense", app, timeout)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.all[app] = startLoad(app, app, timeout)
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

func ask(w http.ResponseWriter, r *http.Request) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.FormValue("url"), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	transport := newTransport()
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }()
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}
