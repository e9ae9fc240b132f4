package engine

import (
	"context"
	"errors"
	"log/slog"
	"sort"
	"sync"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Engine keeps the sessions of one server.
type Engine struct {
	rooms Rooms
	log   *slog.Logger

	mu       sync.Mutex
	closed   bool
	sessions map[string]*Session
}

// New makes an engine without sessions.
func New(rooms Rooms, log *slog.Logger) *Engine {
	return &Engine{rooms: rooms, log: log, sessions: map[string]*Session{}}
}

// Start starts a session, or finds the one of that id, and waits until its
// intercept is accepted and its DAP endpoint listens. Cancelling ctx before that ends it.
func (e *Engine) Start(ctx context.Context, params *protocol.StartSessionParams, watcher Watcher) (*protocol.StartSessionResult, error) {
	if err := checkStart(params); err != nil {
		return nil, err
	}
	s, err := e.find(params, watcher)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.accepted:
	case <-ctx.Done():
		s.Stop("cancelled", nil)
		<-s.ended
		return nil, protocol.Errorf(protocol.CodeRequestCancelled, "session %s was cancelled", params.ID)
	}
	info := s.Info()
	if info.State == protocol.StateFailed && info.Error != nil {
		return nil, info.Error
	}
	if s.debugger == nil {
		return nil, protocol.Errorf(protocol.CodeSessionEnded, "session %s ended while it started: %s", params.ID, info.Reason)
	}
	return &protocol.StartSessionResult{Session: info, DAP: s.debugger.Endpoint()}, nil
}

func checkStart(params *protocol.StartSessionParams) error {
	switch {
	case params.ID == "":
		return protocol.Errorf(protocol.CodeInvalidParams, "a session needs an id")
	case count(len(params.Launch) > 0, params.Command != nil, params.Outside) != 1:
		return protocol.Errorf(protocol.CodeInvalidParams, "session %s: exactly one of launch, command and outside is to be given", params.ID)
	case params.Command != nil && len(params.Command.Args) == 0:
		return protocol.Errorf(protocol.CodeInvalidParams, "session %s: the command is empty", params.ID)
	}
	if params.Command != nil {
		for _, port := range params.Command.Expose {
			if port < 1 || port > 65535 {
				return protocol.Errorf(protocol.CodeInvalidParams, "session %s: %d can't be exposed: it is no port", params.ID, port)
			}
		}
	}
	if lease := params.Target.LeaseSeconds; lease != 0 && (lease < protocol.MinLeaseSeconds || lease > protocol.MaxLeaseSeconds) {
		return protocol.Errorf(protocol.CodeInvalidParams, "session %s: a lease of %d s; it is to be from %d to %d", params.ID, lease, protocol.MinLeaseSeconds, protocol.MaxLeaseSeconds)
	}
	return nil
}

func count(facts ...bool) (n int) {
	for _, fact := range facts {
		if fact {
			n++
		}
	}
	return n
}

func (e *Engine) find(params *protocol.StartSessionParams, watcher Watcher) (*Session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, protocol.Errorf(protocol.CodeSessionEnded, "the server is shutting down")
	}
	if s, ok := e.sessions[params.ID]; ok {
		return s, nil
	}
	s := newSession(params, e.rooms, watcher, e.log)
	e.sessions[params.ID] = s
	go s.run()
	return s, nil
}

func (e *Engine) get(id string) (*Session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.sessions[id]
	if !ok {
		return nil, protocol.Errorf(protocol.CodeUnknownSession, "there is no session %q", id)
	}
	return s, nil
}

// Stop ends a session and waits until its Service is back. Stopping an ended
// session gives the same answer again.
func (e *Engine) Stop(ctx context.Context, id string) (protocol.SessionInfo, error) {
	s, err := e.get(id)
	if err != nil {
		return protocol.SessionInfo{}, err
	}
	s.Stop("stopped", nil)
	select {
	case <-s.ended:
		return s.Info(), nil
	case <-ctx.Done():
		return s.Info(), ctx.Err()
	}
}

// Wait waits for a session's end.
func (e *Engine) Wait(ctx context.Context, id string) (protocol.SessionInfo, error) {
	s, err := e.get(id)
	if err != nil {
		return protocol.SessionInfo{}, err
	}
	select {
	case <-s.ended:
		return s.Info(), nil
	case <-ctx.Done():
		return s.Info(), ctx.Err()
	}
}

// Restart starts a session's debuggee again; the intercept stays.
func (e *Engine) Restart(ctx context.Context, id string) error {
	s, err := e.get(id)
	if err != nil {
		return err
	}
	select {
	case <-s.ended:
		return protocol.Errorf(protocol.CodeSessionEnded, "session %s has ended: %s", id, s.Info().Reason)
	case <-s.accepted:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.serving.pause(ctx)
	s.serving.rest(ctx)
	return s.debugger.Restart(ctx)
}

// Sessions lists all sessions by id.
func (e *Engine) Sessions() []protocol.SessionInfo {
	e.mu.Lock()
	all := make([]*Session, 0, len(e.sessions))
	for _, s := range e.sessions {
		all = append(all, s)
	}
	e.mu.Unlock()
	infos := make([]protocol.SessionInfo, 0, len(all))
	for _, s := range all {
		infos = append(infos, s.Info())
	}
	sort.Slice(infos, func(i, j int) bool { return infos[i].ID < infos[j].ID })
	return infos
}

// Traffic tells what has reached a session.
func (e *Engine) Traffic(id string) (*protocol.Traffic, error) {
	s, err := e.get(id)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.accepted:
	default:
		return &protocol.Traffic{}, nil
	}
	if s.link == nil {
		return &protocol.Traffic{}, nil
	}
	t := s.link.Traffic()
	return &t, nil
}

// Close ends all sessions at once, and waits for them.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	all := make([]*Session, 0, len(e.sessions))
	for _, s := range e.sessions {
		all = append(all, s)
	}
	e.mu.Unlock()
	for _, s := range all {
		s.Stop("the server is shutting down", nil)
	}
	for _, s := range all {
		select {
		case <-s.ended:
		case <-ctx.Done():
			return errors.Join(protocol.Errorf(protocol.CodeRestorePending, "session %s has not ended", s.params.ID), ctx.Err())
		}
	}
	return nil
}
