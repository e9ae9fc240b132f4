// Command loadgen calls from inside the cluster. By itself it keeps a steady load
// on TARGET, half of it over new connections; asked over HTTP, it makes single
// calls and measures:
//
//	GET  /stats                      what the steady load has seen
//	POST /reset                      forget it
//	GET  /call?url=…&fresh=1         one call, on a new connection if fresh; the answer is passed on
//	GET  /bench?url=…&mode=…         one measurement, see bench.go
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

// Stats are what the steady load has seen.
type Stats struct {
	Requests int64            `json:"requests"`
	Failed   int64            `json:"failed"`
	Slow     int64            `json:"slow"` // more than a second
	Errors   map[string]int64 `json:"errors,omitempty"`
	// ServedBy counts answers by the "servedBy" of cart.
	ServedBy map[string]int64 `json:"servedBy,omitempty"`
}

type load struct {
	mu    sync.Mutex
	stats Stats
}

func (l *load) note(answer []byte, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Requests++
	if took > time.Second {
		l.stats.Slow++
	}
	if err != nil {
		l.stats.Failed++
		l.stats.Errors[err.Error()]++
		return
	}
	var body struct {
		ServedBy string `json:"servedBy"`
	}
	if json.Unmarshal(answer, &body) == nil && body.ServedBy != "" {
		l.stats.ServedBy[body.ServedBy]++
	}
}

func (l *load) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats = Stats{Errors: map[string]int64{}, ServedBy: map[string]int64{}}
}

// run calls url every pause until ctx ends, each call by itself: a slow one does not delay the next.
func (l *load) run(ctx context.Context, client *http.Client, url string, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			go func() {
				began := time.Now()
				answer, err := get(ctx, client, url)
				l.note(answer, time.Since(began), err)
			}()
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", response.StatusCode, answer)
	}
	return answer, err
}

// fresh makes a new connection for each call.
func fresh() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func main() {
	ctx := context.Background()
	l := &load{}
	l.reset()
	if target := httpd.Env("TARGET", ""); target != "" {
		pause, err := time.ParseDuration(httpd.Env("PAUSE", "50ms"))
		if err != nil {
			pause = 50 * time.Millisecond
		}
		go l.run(ctx, http.DefaultClient, target, pause)
		go l.run(ctx, fresh(), target, pause)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		httpd.JSON(w, l.stats)
	})
	mux.HandleFunc("POST /reset", func(http.ResponseWriter, *http.Request) { l.reset() })
	mux.HandleFunc("GET /call", call)
	mux.HandleFunc("GET /bench", bench)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	httpd.Run("loadgen", httpd.Env("LISTEN", ":8080"), mux)
}

func call(w http.ResponseWriter, r *http.Request) {
	client := http.DefaultClient
	if r.URL.Query().Get("fresh") != "" {
		client = fresh()
	}
	answer, err := get(r.Context(), client, r.URL.Query().Get("url"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if _, err := w.Write(answer); err != nil {
		return
	}
}
