package engine

import (
	"context"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Environment waits until a session is the pod, and tells how the environment of a
// program that its editor starts is to differ from this process's.
func (e *Engine) Environment(ctx context.Context, id string, user map[string]*string) (map[string]*string, error) {
	s, err := e.outside(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.sandbox.Variables(ctx, user)
}

// Join makes a process that its editor has started one of a session's.
func (e *Engine) Join(ctx context.Context, id string, processID int) error {
	s, err := e.outside(ctx, id)
	if err != nil {
		return err
	}
	if err := s.sandbox.Adopt(processID); err != nil {
		return protocol.Errorf(protocol.CodeProcessStartFailed, "process %d can't join session %s: %w", processID, id, err)
	}
	return nil
}

// outside finds a session whose program its editor starts, once it has a sandbox.
func (e *Engine) outside(ctx context.Context, id string) (*Session, error) {
	s, err := e.get(id)
	if err != nil {
		return nil, err
	}
	if !s.params.Outside {
		return nil, protocol.Errorf(protocol.CodeInvalidParams, "session %s starts its program itself: only one that was started with \"outside\" is joined", id)
	}
	select {
	case <-s.accepted:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-s.ended:
		return nil, protocol.Errorf(protocol.CodeSessionEnded, "session %s has ended: %s", id, s.Info().Reason)
	default:
		return s, nil
	}
}
