package main

import (
	"context"
	"net/http/httptrace"
	"sync"
	"time"
)

// trace follows one call, to tell how far it came.
type trace struct {
	began time.Time

	mu            sync.Mutex // the transport calls from goroutines of its own
	stage         string
	local, remote string
	reused        bool
}

func newTrace() *trace { return &trace{began: time.Now(), stage: "before connecting"} }

func (t *trace) in(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { t.reach("resolving the name") },
		ConnectStart: func(_, address string) {
			t.reach("connecting")
			t.mu.Lock()
			t.remote = address
			t.mu.Unlock()
		},
		GotConn: func(info httptrace.GotConnInfo) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.stage, t.reused = "sending the request", info.Reused
			t.local, t.remote = info.Conn.LocalAddr().String(), info.Conn.RemoteAddr().String()
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { t.reach("waiting for the answer") },
		GotFirstResponseByte: func() { t.reach("reading the answer") },
	})
}

func (t *trace) reach(stage string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stage = stage
}

// connection is the call's connection, by its own address.
func (t *trace) connection() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.local
}

func (t *trace) failure(ended time.Time, err error) Failure {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Failure{Began: t.began, Ended: ended, Stage: t.stage, Reused: t.reused, Local: t.local, Remote: t.remote, Error: err.Error()}
}
