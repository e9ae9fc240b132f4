package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// mountPoll is how often the twin is asked whether a mount has changed that it has not
// told: a node's limit on watches may have been reached.
const mountPoll = 10 * time.Second

// handleFile sends a mount's content, at first and after each change, to a client
// that may inherit, until the stream ends.
func (c *client) handleFile(ctx context.Context, s tunnel.Stream, path string) {
	if !c.mayInherit() {
		_ = s.Refuse(tunnel.RefusedForbidden, "this intercept does not inherit the app's files")
		return
	}
	changed := c.agent.twin.changed() // before the look, so that none is missed
	content, err := c.agent.twin.mount(ctx, path, "")
	if errors.Is(err, errNoTwin) {
		_ = s.Refuse(tunnel.RefusedUnsupported, err.Error())
		return
	}
	if err != nil || content == nil {
		_ = s.Refuse(tunnel.RefusedInternal, errors.Join(errors.New(path), err).Error())
		return
	}
	defer func() { _ = s.Close() }()
	if s.Accept() != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends when the engine has left, or the stream is closed
		defer cancel()
		_, _ = io.Copy(io.Discard, s)
	}()
	lines := json.NewEncoder(s)
	for known := ""; ; {
		if content != nil {
			known = content.Version
			if lines.Encode(content) != nil {
				return
			}
		}
		select {
		case <-changed:
		case <-time.After(mountPoll):
		case <-ctx.Done():
			return
		}
		changed = c.agent.twin.changed()
		// A twin that restarts will answer again.
		content, _ = c.agent.twin.mount(ctx, path, known)
	}
}
