package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

// Measured is one measurement's outcome.
type Measured struct {
	Requests  int64   `json:"requests"`
	Failed    int64   `json:"failed"`
	PerSecond float64 `json:"perSecond"`
	P50Millis float64 `json:"p50Millis"`
	P99Millis float64 `json:"p99Millis"`
	MBPerSec  float64 `json:"mbPerSec"`
}

// bench measures: mode=latency (one kept-alive connection), rate (conns kept-alive
// connections), connect (a new connection per request, conns at once), down (one
// large answer), up (one large body of size bytes). seconds bounds all but the last two.
func bench(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	seconds := number(q.Get("seconds"), 3)
	conns := number(q.Get("conns"), 1)
	var m Measured
	var err error
	switch mode := q.Get("mode"); mode {
	case "latency", "rate", "connect":
		m = requests(r.Context(), q.Get("url"), mode == "connect", conns, time.Duration(seconds)*time.Second)
	case "down", "up":
		m, err = bulk(r.Context(), q.Get("url"), mode == "up", int64(number(q.Get("size"), 100<<20)))
	default:
		err = fmt.Errorf("no mode %q", mode)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	httpd.JSON(w, m)
}

func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func requests(ctx context.Context, url string, connect bool, conns int, d time.Duration) Measured {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var failed atomic.Int64
	times := make([][]time.Duration, conns)
	began := time.Now()
	var group sync.WaitGroup
	for i := range conns {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: connect, MaxIdleConnsPerHost: 1}}
		group.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				start := time.Now()
				if _, err := httpd.Fetch(ctx, client, url); err != nil {
					if ctx.Err() == nil {
						failed.Add(1)
					}
					continue
				}
				times[i] = append(times[i], time.Since(start))
			}
		})
	}
	group.Wait()
	all := slices.Concat(times...)
	slices.Sort(all)
	m := Measured{Requests: int64(len(all)), Failed: failed.Load(), PerSecond: float64(len(all)) / time.Since(began).Seconds()}
	if len(all) > 0 {
		m.P50Millis = float64(all[len(all)/2].Microseconds()) / 1000
		m.P99Millis = float64(all[len(all)*99/100].Microseconds()) / 1000
	}
	return m
}

// zeros reads as many zero bytes as are wanted.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func bulk(ctx context.Context, url string, up bool, size int64) (Measured, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if up {
		method, body = http.MethodPost, io.LimitReader(zeros{}, size)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return Measured{}, err
	}
	if up {
		request.ContentLength = size
	}
	client := fresh()
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return Measured{}, err
	}
	defer func() { _ = response.Body.Close() }()
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil {
		return Measured{}, err
	}
	if !up {
		size = n
	}
	return Measured{Requests: 1, MBPerSec: float64(size) / 1e6 / time.Since(began).Seconds()}, nil
}
