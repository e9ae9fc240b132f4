package engine

import "context"

// host is the session as its debugger sees it.
type host Session

// Environment waits for the app's environment; the sandbox is the pod then.
func (h *host) Environment(ctx context.Context) ([]string, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-h.podReady:
		if h.podErr != nil {
			return nil, h.podErr
		}
		return h.pod.Env, nil
	}
}

// BeforeEnd sends new calls to the origin.
func (h *host) BeforeEnd(ctx context.Context) {
	h.serving.pause(ctx)
	h.serving.rest(ctx)
}

// Output shows text to the user.
func (h *host) Output(category, text string) {
	h.watcher.SessionOutput(h.params.ID, category, text)
}
