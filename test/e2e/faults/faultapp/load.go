package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// newPause is between two calls on new connections.
	newPause = 25 * time.Millisecond
	// keptConns rest for keptPause between two calls, as pools' connections do.
	keptConns = 8
	keptPause = 400 * time.Millisecond
	// keptCalls are made over a kept connection before another one takes its place.
	keptCalls = 6
	// mostAtOnce bounds the calls of a kind that wait for an answer.
	mostAtOnce = 128
)

// load calls one app in four ways. Its goroutines (one per kind of new connections,
// one per kept connection, one per call under way) end with stop.
type load struct {
	name, http, line string
	timeout          time.Duration

	ctx   context.Context
	end   context.CancelFunc
	group sync.WaitGroup

	mu    sync.Mutex
	mark  mark
	kinds map[string]*Count
}

// kinds of call.
const (
	httpNew, httpKept = "http-new", "http-kept"
	lineNew, lineKept = "line-new", "line-kept"
)

// startLoad begins a load; share is among how many apps the calls of one load are spread.
func startLoad(name, address string, timeout time.Duration, share int) *load {
	l := &load{name: name, http: "http://" + address + "/", line: address + ":9000", timeout: timeout, kinds: map[string]*Count{}}
	for _, kind := range []string{httpNew, httpKept, lineNew, lineKept} {
		l.kinds[kind] = &Count{}
	}
	l.ctx, l.end = context.WithCancel(context.Background())
	l.group.Go(func() {
		l.often(httpNew, share, func(ctx context.Context, c *call) { l.httpOnce(ctx, c, newTransport()) })
	})
	l.group.Go(func() { l.often(lineNew, share, l.lineOnce) })
	for i := range max(1, keptConns/share) {
		// They are spread over the time between two calls.
		wait := keptPause * time.Duration(i) / keptConns
		l.group.Go(func() { l.keepHTTP(wait) })
		l.group.Go(func() { l.keepLines(wait) })
	}
	return l
}

// stop ends the load, and waits until all its calls have ended.
func (l *load) stop() {
	l.end()
	l.group.Wait()
}

// often calls every newPause, each call by itself: a slow one does not delay the next.
func (l *load) often(kind string, share int, do func(context.Context, *call)) {
	var calls sync.WaitGroup
	defer calls.Wait()
	room := make(chan struct{}, mostAtOnce)
	for l.pause(newPause * time.Duration(share)) {
		select {
		case room <- struct{}{}:
			calls.Go(func() {
				l.one(kind, do)
				<-room
			})
		default:
			l.mu.Lock()
			l.kinds[kind].Skipped++
			l.mu.Unlock()
		}
	}
}

// pause waits, and tells whether the load goes on.
func (l *load) pause(d time.Duration) bool {
	select {
	case <-l.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// one makes one call. The end of the load does not end it: a call that was cut would count as failed.
func (l *load) one(kind string, do func(context.Context, *call)) {
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	c := &call{kind: kind, began: time.Now(), stage: "connecting"}
	do(ctx, c)
	l.note(c)
}

func newTransport() *http.Transport { return &http.Transport{DisableKeepAlives: true} }

func (l *load) httpOnce(ctx context.Context, c *call, transport *http.Transport) {
	defer transport.CloseIdleConnections()
	l.askHTTP(ctx, c, transport)
}

func (l *load) askHTTP(ctx context.Context, c *call, transport *http.Transport) {
	request, err := http.NewRequestWithContext(c.trace(ctx), http.MethodGet, l.http, nil)
	if err != nil {
		c.err = err
		return
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		c.err = err
		return
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, content)
	}
	var told answered
	if err == nil {
		err = json.Unmarshal(content, &told)
	}
	c.by, c.err = told.ServedBy, err
}

// keepHTTP is one kept connection at a time.
func (l *load) keepHTTP(wait time.Duration) {
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	var p peer
	for i := 1; l.pause(wait); i++ {
		wait = keptPause
		l.one(httpKept, func(ctx context.Context, c *call) {
			c.peer = &p
			l.askHTTP(ctx, c, transport)
		})
		if i%keptCalls == 0 {
			transport.CloseIdleConnections()
		}
	}
}

func (l *load) dialLine(ctx context.Context, c *call) (*lineClient, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", l.line)
	if err != nil {
		return nil, err
	}
	c.connected(conn.LocalAddr().String(), conn.RemoteAddr().String(), false)
	return newLineClient(conn), nil
}

// askLine asks on a connection, and closes it when it is of no use any more.
func (l *load) askLine(ctx context.Context, c *call, client *lineClient) (usable bool) {
	deadline, _ := ctx.Deadline()
	var last bool
	if c.err = client.conn.SetDeadline(deadline); c.err == nil {
		c.by, last, c.err = client.ask()
	}
	if c.err != nil || last {
		_ = client.conn.Close()
		return false
	}
	return true
}

func (l *load) lineOnce(ctx context.Context, c *call) {
	client, err := l.dialLine(ctx, c)
	if err != nil {
		c.err = err
		return
	}
	if l.askLine(ctx, c, client) {
		_ = client.conn.Close()
	}
}

// keepLines is keepHTTP for lines.
func (l *load) keepLines(wait time.Duration) {
	var client *lineClient
	var p peer
	for i := 1; l.pause(wait); i++ {
		wait = keptPause
		l.one(lineKept, func(ctx context.Context, c *call) {
			c.peer = &p
			if client != nil && closed(client.conn) {
				_ = client.conn.Close()
				client = nil
			}
			if client != nil {
				c.connected(client.conn.LocalAddr().String(), client.conn.RemoteAddr().String(), true)
			} else if client, c.err = l.dialLine(ctx, c); c.err != nil {
				return
			}
			if !l.askLine(ctx, c, client) {
				client = nil
			}
		})
		if client != nil && i%keptCalls == 0 {
			_ = client.conn.Close()
			client = nil
		}
	}
	if client != nil {
		_ = client.conn.Close()
	}
}
