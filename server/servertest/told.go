package servertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// told is all that a server has told its editor.
type told struct {
	gone <-chan struct{}

	mu       sync.Mutex
	sessions map[string]*history
	outputs  map[string]string
	progress []protocol.ProgressParams
	logs     []protocol.LogMessageParams
	changed  chan struct{} // closed and replaced with each message
}

// history is a session's states as they were told.
type history struct {
	infos []protocol.SessionInfo
	// seen counts those that WaitState has passed.
	seen int
}

func newTold() told {
	return told{sessions: map[string]*history{}, outputs: map[string]string{}, changed: make(chan struct{})}
}

// ErrNever means that what is waited for can't come any more.
var ErrNever = errors.New("it can't come any more")

// Wait waits until cond holds; it is asked again with each message of the server.
// An error of cond's means that it can't hold any more.
func (t *told) Wait(ctx context.Context, what string, cond func() (bool, error)) error {
	for {
		t.mu.Lock()
		changed := t.changed
		t.mu.Unlock()
		switch ok, err := cond(); {
		case err != nil:
			return fmt.Errorf("wait for %s: %w", what, err)
		case ok:
			return nil
		}
		select {
		case <-changed:
		case <-t.gone:
			// What came before the end counts.
			if ok, err := cond(); ok && err == nil {
				return nil
			}
			return fmt.Errorf("wait for %s: the server has gone: %w", what, ErrNever)
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// WaitState waits until a session is in one of the states. A state that came and
// went since the last wait counts too.
func (t *told) WaitState(ctx context.Context, id string, states ...protocol.State) (protocol.SessionInfo, error) {
	var info protocol.SessionInfo
	err := t.Wait(ctx, fmt.Sprintf("session %s to be %v", id, states), func() (bool, error) {
		var found bool
		info, found = t.find(id, states)
		if !found && (info.State == protocol.StateEnded || info.State == protocol.StateFailed) {
			return false, ErrNever
		}
		return found, nil
	})
	if err != nil {
		err = fmt.Errorf("session %s is %s (%s): %w", id, info.State, info.Reason, err)
	}
	return info, err
}

// find gives the wanted state, or the present one.
func (t *told) find(id string, states []protocol.State) (protocol.SessionInfo, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.sessions[id]
	if h == nil {
		return protocol.SessionInfo{}, false
	}
	last := len(h.infos) - 1
	if slices.Contains(states, h.infos[last].State) {
		h.seen = last + 1
		return h.infos[last], true
	}
	for i := h.seen; i < last; i++ {
		if slices.Contains(states, h.infos[i].State) {
			h.seen = i + 1
			return h.infos[i], true
		}
	}
	return h.infos[last], false
}

// WaitOutput waits until a session has written a text.
func (t *told) WaitOutput(ctx context.Context, id, text string) error {
	return t.Wait(ctx, fmt.Sprintf("session %s to write %q", id, text), func() (bool, error) {
		return strings.Contains(t.Output(id), text), nil
	})
}

// WaitProgress waits for the end of a request's progress, and gives all its reports.
func (t *told) WaitProgress(ctx context.Context, token protocol.ProgressToken) ([]protocol.ProgressValue, error) {
	var reports []protocol.ProgressValue
	err := t.Wait(ctx, fmt.Sprintf("the end of the progress %q", token), func() (bool, error) {
		reports = nil
		for _, p := range t.Progress() {
			if p.Token == token {
				reports = append(reports, p.Value)
			}
		}
		return len(reports) > 0 && reports[len(reports)-1].Kind == "end", nil
	})
	return reports, err
}

// Session is the last state that the server has told.
func (t *told) Session(id string) protocol.SessionInfo {
	infos := t.History(id)
	if len(infos) == 0 {
		return protocol.SessionInfo{}
	}
	return infos[len(infos)-1]
}

// History is all states that the server has told of a session.
func (t *told) History(id string) []protocol.SessionInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.sessions[id]; h != nil {
		return slices.Clone(h.infos)
	}
	return nil
}

// Output is all that a session has written.
func (t *told) Output(id string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outputs[id]
}

// Progress is all that was reported.
func (t *told) Progress() []protocol.ProgressParams {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.progress)
}

// Logs is all that was logged.
func (t *told) Logs() []protocol.LogMessageParams {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.logs)
}

// client takes what the server tells.
type client told

var _ protocol.Client = (*client)(nil)

func (c *client) note(edit func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit()
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *client) SessionDidChange(_ context.Context, p *protocol.SessionInfo) error {
	return c.note(func() {
		if c.sessions[p.ID] == nil {
			c.sessions[p.ID] = &history{}
		}
		c.sessions[p.ID].infos = append(c.sessions[p.ID].infos, *p)
	})
}

func (c *client) SessionOutput(_ context.Context, p *protocol.SessionOutputParams) error {
	return c.note(func() { c.outputs[p.ID] += p.Output })
}

func (c *client) Progress(_ context.Context, p *protocol.ProgressParams) error {
	return c.note(func() { c.progress = append(c.progress, *p) })
}

func (c *client) LogMessage(_ context.Context, p *protocol.LogMessageParams) error {
	return c.note(func() { c.logs = append(c.logs, *p) })
}
