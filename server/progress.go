package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
	"github.com/kubetunnel/kubetunnel/server/rpc"
)

// progressTable ties sessions to the $/progress of the requests that start them.
type progressTable struct {
	notify *rpc.Conn

	mu    sync.Mutex
	works []*work // those that follow a session
}

// begin reports the beginning of a request. Without a token nothing is reported;
// with a session, what becomes of that is reported too.
func (t *progressTable) begin(token protocol.ProgressToken, session string) *work {
	w := &work{notify: t.notify, token: token, session: session, began: time.Now(), over: token == ""}
	if token == "" {
		return w
	}
	w.report("begin", "", "")
	if session != "" {
		t.mu.Lock()
		t.works = append(t.works, w)
		t.mu.Unlock()
	}
	return w
}

// drop forgets a request.
func (t *progressTable) drop(w *work) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.works = slices.DeleteFunc(t.works, func(other *work) bool { return other == w })
}

// changed turns a session's stages into reports: until it is live, or over.
func (t *progressTable) changed(info protocol.SessionInfo) {
	over := slices.Contains([]protocol.State{protocol.StateLive, protocol.StateEnded, protocol.StateFailed}, info.State)
	t.mu.Lock()
	var works []*work
	for _, w := range t.works {
		if w.session == info.ID {
			works = append(works, w)
		}
	}
	if over {
		t.works = slices.DeleteFunc(t.works, func(w *work) bool { return w.session == info.ID })
	}
	t.mu.Unlock()
	for _, w := range works {
		w.reached(info.Stages)
		if over {
			w.end(info.Reason)
		}
	}
}

// work is one request that reports its progress: one begin, reports, one end.
type work struct {
	notify  *rpc.Conn
	token   protocol.ProgressToken
	session string
	began   time.Time

	// mu keeps the order of reports; sending under it does not block.
	mu    sync.Mutex
	seen  int // stages
	stage protocol.Stage
	over  bool
}

func (w *work) reached(stages []protocol.StageTime) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.seen < len(stages) && !w.over {
		w.stage = stages[w.seen].Stage
		w.seen++
		w.report("report", w.stage, stageTexts[w.stage])
	}
}

func (w *work) say(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.report("report", "", message)
	}
}

func (w *work) end(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.over = true
		w.report("end", w.stage, message)
	}
}

func (w *work) report(kind string, stage protocol.Stage, message string) {
	params := &protocol.ProgressParams{Token: w.token, Value: protocol.ProgressValue{
		Kind: kind, Stage: stage, Message: message, ElapsedMillis: time.Since(w.began).Milliseconds(),
	}}
	// Only the last report counts for an editor that lags; without an end it would show it for ever.
	if kind == "report" {
		_ = w.notify.NotifyLatest(gen.MethodProgress+" "+w.token, gen.MethodProgress, params)
		return
	}
	_ = w.notify.Notify(context.Background(), gen.MethodProgress, params)
}

// ending is the last message of a request.
func ending(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// stageTexts are for a person who waits.
var stageTexts = map[protocol.Stage]string{
	protocol.StagePreflight:   "Looking at the Service",
	protocol.StageSandbox:     "Setting up the sandbox",
	protocol.StageIntercept:   "Asking for the intercept",
	protocol.StageAgent:       "Waiting for the agent in the cluster",
	protocol.StageTunnel:      "Connecting the tunnel",
	protocol.StageEnvironment: "Fetching the app's environment",
	protocol.StageDebugger:    "Starting the debugger",
	protocol.StageListen:      "Waiting for the program to listen",
	protocol.StageSwitch:      "Switching the Service",
	protocol.StageDrain:       "Letting open connections end",
	protocol.StageRestore:     "Putting the Service back",
}
