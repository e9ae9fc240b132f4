package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// handleEnv gives the environment of the app's container, once the twin has told
// it, to a client that may inherit.
func (c *client) handleEnv(ctx context.Context, s tunnel.Stream) {
	if !c.mayInherit() {
		_ = s.Refuse(tunnel.RefusedForbidden, "this intercept does not inherit the app's environment")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left := make(chan struct{})
	go func() { // ends when the engine has left, or the stream is closed
		defer close(left)
		if _, err := io.Copy(io.Discard, s); err != nil {
			cancel()
		}
	}()
	env, err := c.agent.twin.environment(ctx)
	switch {
	case errors.Is(err, errNoTwin):
		_ = s.Refuse(tunnel.RefusedUnsupported, err.Error())
		return
	case err != nil:
		_ = s.Refuse(tunnel.RefusedInternal, err.Error())
		return
	}
	defer func() { _ = s.Close() }()
	if s.Accept() != nil || json.NewEncoder(s).Encode(env) != nil || s.CloseWrite() != nil {
		return
	}
	select {
	case <-left:
	case <-ctx.Done():
	}
}
