package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// Agent and twin speak JSON lines over a Unix socket in a folder that their two
// containers share. The twin connects and stays; the agent asks, one question at
// a time, and the twin answers each. A question that a twin does not know is
// answered with an error. Between answers the twin tells that a mount has changed.
type twinRequest struct {
	Op string `json:"op"`
	// Path is a mount's; Unless is a version that need not be sent again.
	Path   string `json:"path,omitempty"`
	Unless string `json:"unless,omitempty"`
}

const (
	// opEnv asks for the twin's environment, opMount for a mount's content.
	opEnv   = "env"
	opMount = "mount"
)

type twinAnswer struct {
	Error   string               `json:"error,omitempty"`
	Env     *tunnel.Environment  `json:"env,omitempty"`
	Content *tunnel.MountContent `json:"content,omitempty"`
	// Changed is no answer: a mount may have another version now.
	Changed bool `json:"changed,omitempty"`
}

const (
	// maxTwinLine bounds an answer: the kernel gives a process at most 6 MiB of
	// arguments and environment (execve(2)).
	maxTwinLine   = 16 << 20
	answerTimeout = 5 * time.Second
)

var errNoTwin = errors.New("this agent has no twin of the app's container: nothing is inherited")

// twinHub is the agent's side. What the twin has told stays known while it is
// away. Its goroutine, serve, takes one twin at a time until its context ends.
type twinHub struct {
	wanted bool
	ready  chan struct{} // closed when env is set

	mu      sync.Mutex
	env     *tunnel.Environment
	present *twinConn     // the last twin that has told its environment
	changes chan struct{} // closed and replaced when a mount may have changed
}

func newTwinHub(wanted bool) *twinHub {
	return &twinHub{wanted: wanted, ready: make(chan struct{}), changes: make(chan struct{})}
}

// changed is closed at the next change of a mount.
func (h *twinHub) changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changes
}

func (h *twinHub) noteChange() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.changes)
	h.changes = make(chan struct{})
}

// state is Observed.Twin.
func (h *twinHub) state() string {
	if !h.wanted {
		return "none"
	}
	select {
	case <-h.ready:
		return "ready"
	default:
		return "waiting"
	}
}

// environment waits for the twin's environment.
func (h *twinHub) environment(ctx context.Context) (*tunnel.Environment, error) {
	if !h.wanted {
		return nil, errNoTwin
	}
	select {
	case <-h.ready:
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.env, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the twin has not told its environment: %w", ctx.Err())
	}
}

// serve takes twins; a newer one replaces the one before.
func (h *twinHub) serve(ctx context.Context, l net.Listener, log *slog.Logger, changed func()) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var present *twinConn
	defer func() { present.close() }()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			log.Warn("twin's socket", "error", err)
			pause(ctx, acceptPause)
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			continue
		}
		present.close()
		present = newTwinConn(conn, h.noteChange)
		answer, err := present.ask(ctx, twinRequest{Op: opEnv})
		if err != nil || answer.Env == nil {
			log.Warn("the twin did not tell its environment", "error", err)
			present.close()
			continue
		}
		h.take(answer.Env, present)
		h.noteChange() // what has changed while no twin was there was not told
		changed()
	}
}

func (h *twinHub) take(env *tunnel.Environment, from *twinConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.env == nil {
		close(h.ready)
	}
	h.env, h.present = env, from
}

// mount asks for a mount's content; nil when it still is the version that is known.
func (h *twinHub) mount(ctx context.Context, path, known string) (*tunnel.MountContent, error) {
	h.mu.Lock()
	twin := h.present
	h.mu.Unlock()
	if twin == nil {
		return nil, errNoTwin
	}
	answer, err := twin.ask(ctx, twinRequest{Op: opMount, Path: path, Unless: known})
	if err != nil {
		return nil, err
	}
	if answer.Content == nil || answer.Content.Version == known {
		return nil, nil
	}
	return answer.Content, nil
}
