package server

import (
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
)

// progressTable ties sessions to the $/progress of their start.
type progressTable struct {
	mu       sync.Mutex
	sessions map[string]*work
}

// work is one request that reports its progress. One without a token reports nothing.
type work struct {
	server *server
	token  protocol.ProgressToken
	id     string
	began  time.Time

	mu    sync.Mutex
	stage protocol.Stage
	over  bool
}

func (t *progressTable) begin(s *server, token protocol.ProgressToken, session string) *work {
	w := &work{server: s, token: token, id: session, began: time.Now()}
	if token == "" {
		w.over = true
		return w
	}
	if session != "" {
		t.mu.Lock()
		if t.sessions == nil {
			t.sessions = map[string]*work{}
		}
		t.sessions[session] = w
		t.mu.Unlock()
	}
	w.report("begin", "", "")
	return w
}

// changed turns a session's stages into reports: until it is live, or over.
func (t *progressTable) changed(info protocol.SessionInfo) {
	t.mu.Lock()
	w := t.sessions[info.ID]
	t.mu.Unlock()
	if w == nil {
		return
	}
	if n := len(info.Stages); n > 0 {
		w.reached(info.Stages[n-1].Stage)
	}
	switch info.State {
	case protocol.StateLive, protocol.StateEnded, protocol.StateFailed:
		w.end(info.Reason)
		t.mu.Lock()
		delete(t.sessions, info.ID)
		t.mu.Unlock()
	}
}

func (w *work) reached(stage protocol.Stage) {
	w.mu.Lock()
	same := w.stage == stage || w.over
	w.stage = stage
	w.mu.Unlock()
	if !same {
		w.report("report", stage, string(stage))
	}
}

func (w *work) say(message string) {
	w.mu.Lock()
	over := w.over
	w.mu.Unlock()
	if !over {
		w.report("report", "", message)
	}
}

func (w *work) end(message string) {
	w.mu.Lock()
	over, stage := w.over, w.stage
	w.over = true
	w.mu.Unlock()
	if !over {
		w.report("end", stage, message)
	}
}

func (w *work) report(kind string, stage protocol.Stage, message string) {
	_ = w.server.conn.NotifyOptional(gen.MethodProgress, &protocol.ProgressParams{Token: w.token, Value: protocol.ProgressValue{
		Kind: kind, Stage: stage, Message: message, ElapsedMillis: time.Since(w.began).Milliseconds(),
	}})
}
