package agent

import (
	"bufio"
	"context"
	"encoding/json"
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
// answered with an error.
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
	present *twinConn // the last twin that has told its environment
}

func newTwinHub(wanted bool) *twinHub { return &twinHub{wanted: wanted, ready: make(chan struct{})} }

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
		present = newTwinConn(conn)
		answer, err := present.ask(ctx, twinRequest{Op: opEnv})
		if err != nil || answer.Env == nil {
			log.Warn("the twin did not tell its environment", "error", err)
			present.close()
			continue
		}
		h.take(answer.Env, present)
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

// twinConn is a conversation with a twin. nil is none.
type twinConn struct {
	conn   net.Conn
	asking sync.Mutex
	lines  *bufio.Scanner
}

func newTwinConn(conn net.Conn) *twinConn {
	c := &twinConn{conn: conn, lines: bufio.NewScanner(conn)}
	c.lines.Buffer(nil, maxTwinLine)
	return c
}

// ask puts one question, and waits for its answer for a bounded time.
func (c *twinConn) ask(ctx context.Context, q twinRequest) (*twinAnswer, error) {
	c.asking.Lock()
	defer c.asking.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	defer stop()
	if err := c.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return nil, fmt.Errorf("twin: %w", err)
	}
	if err := json.NewEncoder(c.conn).Encode(q); err != nil {
		return nil, fmt.Errorf("ask the twin: %w", err)
	}
	if !c.lines.Scan() {
		return nil, fmt.Errorf("the twin's answer: %w", errors.Join(c.lines.Err(), net.ErrClosed))
	}
	var a twinAnswer
	if err := json.Unmarshal(c.lines.Bytes(), &a); err != nil {
		return nil, fmt.Errorf("the twin's answer: %w", err)
	}
	if a.Error != "" {
		return nil, &twinError{a.Error}
	}
	return &a, nil
}

// twinError is the twin's own word.
type twinError struct{ text string }

func (e *twinError) Error() string { return e.text }

func (c *twinConn) close() {
	if c != nil {
		_ = c.conn.Close()
	}
}
