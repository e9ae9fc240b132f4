package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// step is one part of a session's start.
type step struct {
	stage protocol.Stage
	do    func(ctx context.Context) error
	// undo may be nil. It is idempotent and keeps to its context's deadline.
	undo func(ctx context.Context) error
}

// stack remembers what has to be undone. It is owned by the session's goroutine.
type stack struct {
	done []step
}

// run does the steps in order. A step that fails is undone too: it may have got half way.
func (s *stack) run(ctx context.Context, steps []step, began func(protocol.Stage), ended func(protocol.Stage)) error {
	for _, st := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		began(st.stage)
		s.done = append(s.done, st)
		if err := st.do(ctx); err != nil {
			return atStage(err, st.stage)
		}
		ended(st.stage)
	}
	return nil
}

// unwind undoes everything in reverse, whatever fails on the way.
func (s *stack) unwind(ctx context.Context) error {
	var errs []error
	for i := len(s.done) - 1; i >= 0; i-- {
		if undo := s.done[i].undo; undo != nil {
			if err := undo(ctx); err != nil {
				errs = append(errs, fmt.Errorf("undo %s: %w", s.done[i].stage, err))
			}
		}
	}
	s.done = nil
	return errors.Join(errs...)
}

// atStage names the stage in a numbered error, and numbers others.
func atStage(err error, stage protocol.Stage) error {
	var known *protocol.Error
	if errors.As(err, &known) {
		_ = known.At(stage)
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return protocol.Errorf(protocol.CodeInternalError, "%s: %w", stage, err).At(stage)
}
