package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Watcher hears about a session. Its methods must not block.
type Watcher interface {
	SessionChanged(protocol.SessionInfo)
	SessionOutput(id, category, text string)
}

// Session is one debug session.
//
// Goroutines: run (one, from start to end) owns the stack; per mapped or
// exposed port a watcher of listeners, the serve loop and the watcher of the Intercept run from
// the moment the tunnel is up and are ended by run before it unwinds.
type Session struct {
	params  protocol.StartSessionParams
	rooms   Rooms
	watcher Watcher
	log     *slog.Logger
	began   time.Time

	// What the steps made; written by run before the steps that read them.
	cluster   Cluster
	survey    Survey
	link      Link
	folder    *private.Folder
	sandbox   Sandbox
	intercept Intercept
	debugger  Debugger

	// stop is closed once, with stopCause set before.
	stopOnce   sync.Once
	stop       chan struct{}
	stopCause  error
	stopReason string

	// accepted is closed when Start can answer, podReady when the sandbox is the pod or can't be.
	accepted, podReady, ended chan struct{}
	pod                       *Pod
	podErr                    error

	serving *serving

	telling  sync.Mutex
	mu       sync.Mutex
	info     protocol.SessionInfo
	attached bool
	wasReady bool
}

func newSession(params *protocol.StartSessionParams, rooms Rooms, watcher Watcher, log *slog.Logger) *Session {
	kind := protocol.KindDebug
	if params.Command != nil {
		kind = protocol.KindProcess
	} else if params.Outside {
		kind = protocol.KindOutside
	}
	s := &Session{
		params: *params, rooms: rooms, watcher: watcher, log: log.With("session", params.ID), began: time.Now(),
		stop: make(chan struct{}), accepted: make(chan struct{}), podReady: make(chan struct{}), ended: make(chan struct{}),
		info: protocol.SessionInfo{ID: params.ID, Kind: kind, Target: params.Target, State: protocol.StateStarting},
	}
	s.serving = newServing(s)
	return s
}

// Info is the session's present state.
func (s *Session) Info() protocol.SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

func (s *Session) snapshot() protocol.SessionInfo {
	info := s.info
	info.Stages = append([]protocol.StageTime(nil), info.Stages...)
	info.Ports = append([]protocol.PortMapping(nil), info.Ports...)
	info.Warnings = append([]string(nil), info.Warnings...)
	info.Exposed = append([]protocol.ExposedPort(nil), info.Exposed...)
	return info
}

// change edits the state under the lock and tells the watcher.
func (s *Session) change(edit func(*protocol.SessionInfo)) {
	// Changes are told in the order in which they were made.
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	edit(&s.info)
	info := s.snapshot()
	s.mu.Unlock()
	s.watcher.SessionChanged(info)
}

// Stop asks for the end; the first cause holds. It does not wait.
func (s *Session) Stop(reason string, cause error) {
	s.stopOnce.Do(func() {
		s.stopReason, s.stopCause = reason, cause
		close(s.stop)
	})
}

// run is the session's life.
func (s *Session) run() {
	defer close(s.ended)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	var st stack
	err := st.run(ctx, s.prepare(), s.stageBegan, s.stageEnded)
	if err == nil {
		close(s.accepted)
		err = st.run(ctx, s.connect(), s.stageBegan, s.stageEnded)
	}
	if err == nil {
		s.finishPod(nil)
		err = s.live(ctx)
	}
	s.finish(&st, err)
}

// finish undoes everything under a deadline of its own: the cancelled context of
// the start must not cut the teardown short.
func (s *Session) finish(st *stack, err error) {
	select {
	case <-s.stop:
		if err == nil || errors.Is(err, context.Canceled) {
			err = s.stopCause
		}
	default:
	}
	forDebugger := s.forDebugger(err)
	s.finishPod(forDebugger)
	if err != nil && s.debugger != nil {
		s.debugger.Fail(forDebugger)
	}
	s.change(func(i *protocol.SessionInfo) { i.State, i.Reason = protocol.StateStopping, s.reasonOf(err) })
	ctx, cancel := context.WithTimeout(context.Background(), teardownTimeout)
	defer cancel()
	undoErr := st.unwind(ctx)
	if undoErr != nil {
		s.log.Warn("teardown", "error", undoErr)
	}
	if err == nil {
		err = undoErr
	}
	s.change(func(i *protocol.SessionInfo) {
		i.State, i.Reason = protocol.StateEnded, s.reasonOf(err)
		if err != nil {
			i.State, i.Error = protocol.StateFailed, numbered(err)
		}
	})
	select {
	case <-s.accepted:
	default:
		close(s.accepted)
	}
}

// forDebugger is an error as the debugger tells it: not to be shown where the editor shows it by itself.
func (s *Session) forDebugger(err error) error {
	if err == nil || !s.params.ShowsErrors {
		return err
	}
	told := *numbered(err)
	told.Data.ShowUser = false
	return &told
}

const teardownTimeout = 30 * time.Second

func (s *Session) reasonOf(err error) string {
	if err != nil {
		return err.Error()
	}
	if s.stopReason != "" {
		return s.stopReason
	}
	return "the session ended"
}

// numbered gives any error as a protocol.Error.
func numbered(err error) *protocol.Error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e
	}
	return protocol.Errorf(protocol.CodeInternalError, "%w", err)
}

func (s *Session) stageBegan(stage protocol.Stage) {
	s.change(func(i *protocol.SessionInfo) {
		i.Stages = append(i.Stages, protocol.StageTime{Stage: stage, BeganMillis: s.elapsed()})
	})
}

func (s *Session) stageEnded(stage protocol.Stage) {
	s.change(func(i *protocol.SessionInfo) {
		for n := range i.Stages {
			if i.Stages[n].Stage == stage && i.Stages[n].EndedMillis == 0 {
				i.Stages[n].EndedMillis = s.elapsed()
			}
		}
	})
}

func (s *Session) elapsed() int64 { return max(1, time.Since(s.began).Milliseconds()) }
