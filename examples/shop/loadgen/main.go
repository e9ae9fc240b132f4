// Command loadgen calls from inside the cluster what it is told to call:
//
//	GET    /call?url=…&fresh=1       one call, on a new connection if fresh; the answer is passed on
//	POST   /load?url=…&pause=50ms    a steady load, over kept-alive connections and over new ones
//	GET    /load                     what that has seen so far
//	DELETE /load                     ends it, and tells what it has seen
//	GET    /bench?url=…&mode=…       one measurement, see bench.go
package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

// defaultPause is between two calls of a load.
const defaultPause = "50ms"

// generator answers for its loads.
type generator struct{ loads *loads }

// fresh makes a new connection for each call.
func fresh() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func call(w http.ResponseWriter, r *http.Request) {
	client := http.DefaultClient
	if r.FormValue("fresh") != "" {
		client = fresh()
	}
	answer, err := httpd.Fetch(r.Context(), client, r.FormValue("url"))
	if err != nil {
		httpd.Fail(w, err)
		return
	}
	_, _ = w.Write(answer) // whoever asked may be gone
}

func (g generator) start(w http.ResponseWriter, r *http.Request) {
	url, pause := r.FormValue("url"), r.FormValue("pause")
	if pause == "" {
		pause = defaultPause
	}
	d, err := time.ParseDuration(pause)
	switch {
	case err == nil && d <= 0:
		err = fmt.Errorf("pause %s: a load needs one", pause)
	case err == nil && url == "":
		err = errors.New("no url")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.loads.start(url, d)
	httpd.JSON(w, g.loads.stats())
}

func (g generator) tell(w http.ResponseWriter, _ *http.Request) { httpd.JSON(w, g.loads.stats()) }

func (g generator) stop(w http.ResponseWriter, r *http.Request) {
	g.loads.stop()
	g.tell(w, r)
}

func handler(g generator) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /call", call)
	mux.HandleFunc("POST /load", g.start)
	mux.HandleFunc("GET /load", g.tell)
	mux.HandleFunc("DELETE /load", g.stop)
	mux.HandleFunc("GET /bench", bench)
	mux.HandleFunc("GET /healthz", httpd.Healthy)
	return mux
}

func main() {
	httpd.Run("loadgen", httpd.Env("LISTEN", ":8080"), handler(generator{loads: newLoads()}))
}
