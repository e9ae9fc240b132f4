package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/examples/shop/internal/httpd"
)

const (
	// callTimeout is what a call may take.
	callTimeout = 30 * time.Second
	// mostAtOnce bounds the calls that wait for one who does not answer.
	mostAtOnce = 256
)

// loads runs at most one load. Each load has two goroutines that call, and one for
// each call under way; stop waits for all of them.
type loads struct {
	changing sync.Mutex // start and stop, one at a time
	end      context.CancelFunc
	group    *sync.WaitGroup

	mu  sync.Mutex
	now Stats
}

func newLoads() *loads { return &loads{end: func() {}, group: &sync.WaitGroup{}} }

// start ends the load that runs, and begins another.
func (l *loads) start(url string, pause time.Duration) {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.end()
	l.group.Wait()
	l.mu.Lock()
	l.now = Stats{URL: url}
	l.mu.Unlock()
	var ctx context.Context
	ctx, l.end = context.WithCancel(context.Background())
	// Its own pool: each load begins without connections, and keeps all that it makes.
	pool := http.DefaultTransport.(*http.Transport).Clone()
	pool.MaxIdleConnsPerHost, pool.MaxIdleConns = mostAtOnce, mostAtOnce
	kept := &http.Client{Transport: pool}
	l.group.Go(func() { l.run(ctx, kept, url, pause, &l.now.Kept) })
	l.group.Go(func() { l.run(ctx, fresh(), url, pause, &l.now.Fresh) })
}

// stop ends the load, and waits until all its calls are answered.
func (l *loads) stop() {
	l.changing.Lock()
	defer l.changing.Unlock()
	l.end()
	l.group.Wait()
}

func (l *loads) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.now
	s.Now = time.Now()
	s.Kept, s.Fresh = s.Kept.clone(), s.Fresh.clone()
	return s
}

// run calls url every pause until ctx ends, each call by itself: a slow one does not delay the next.
func (l *loads) run(ctx context.Context, client *http.Client, url string, pause time.Duration, count *Count) {
	defer client.CloseIdleConnections()
	var calls sync.WaitGroup
	defer calls.Wait()
	room := make(chan struct{}, mostAtOnce)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case room <- struct{}{}:
			calls.Go(func() {
				l.one(client, url, count)
				<-room
			})
		default:
			l.mu.Lock()
			count.Skipped++
			l.mu.Unlock()
		}
	}
}

// one makes one call. The end of the load does not end it: a call that was cut would count as failed.
func (l *loads) one(client *http.Client, url string, count *Count) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	t := newTrace()
	answer, err := httpd.Fetch(t.in(ctx), client, url)
	l.mu.Lock()
	defer l.mu.Unlock()
	count.note(answer, err, t)
}
