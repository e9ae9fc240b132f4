// Command target is what the measurements call and what they call with. In the
// cluster it is the app that is debugged, and the prober; on the workstation it is
// the debuggee:
//
//	GET  /            its name
//	GET  /bytes?size= as many zero bytes
//	POST /sink        reads the body to its end
//	GET  /until?url=…&name=…  calls url, each time on a new connection, until it is
//	                  answered by that name; tells how many calls it took and how many failed
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func main() {
	listen := flag.String("listen", ":8080", "address to listen on")
	name := flag.String("name", "origin", "what it answers")
	flag.Parse()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, *name) })
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /bytes", bytes)
	mux.HandleFunc("POST /sink", sink)
	mux.HandleFunc("GET /until", until)
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func bytes(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.ParseInt(r.URL.Query().Get("size"), 10, 64)
	if err != nil || size < 0 {
		http.Error(w, "which size?", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	block := make([]byte, 64<<10)
	for size > 0 {
		n, err := w.Write(block[:min(size, int64(len(block)))])
		if err != nil {
			return
		}
		size -= int64(n)
	}
}

func sink(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
}

// Probes are the calls of one wait.
type Probes struct {
	Calls  int      `json:"calls"`
	Failed int      `json:"failed"`
	Errors []string `json:"errors,omitempty"`
	// SlowestMillis is the longest call's time.
	SlowestMillis float64 `json:"slowestMillis"`
}

const (
	probePause = 2 * time.Millisecond
	probeLimit = 10 * time.Second
)

func until(w http.ResponseWriter, r *http.Request) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: probeLimit}
	var p Probes
	for r.Context().Err() == nil {
		began := time.Now()
		answer, err := ask(r.Context(), client, r.URL.Query().Get("url"))
		p.Calls++
		p.SlowestMillis = max(p.SlowestMillis, float64(time.Since(began).Microseconds())/1000)
		if err != nil {
			p.Failed++
			if len(p.Errors) < 10 {
				p.Errors = append(p.Errors, err.Error())
			}
		}
		if answer == r.URL.Query().Get("name") {
			_ = json.NewEncoder(w).Encode(p)
			return
		}
		time.Sleep(probePause)
	}
}

func ask(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return strings.TrimSpace(string(body)), err
}
