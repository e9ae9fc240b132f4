package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// Agent and twin speak JSON lines over a Unix socket in a folder that their two
// containers share: the agent asks, the twin answers.
type twinRequest struct {
	Op string `json:"op"` // "env"
}

type twinAnswer struct {
	Error string              `json:"error,omitempty"`
	Env   *tunnel.Environment `json:"env,omitempty"`
}

// maxTwinLine bounds an answer, see execve(2) and the size of ConfigMaps.
const maxTwinLine = 16 << 20

// twinHub is the agent's side. Its goroutine takes one twin at a time until serve's context ends.
type twinHub struct {
	wanted bool

	mu    sync.Mutex
	env   *tunnel.Environment
	ready chan struct{} // closed when env is set
}

func newTwinHub(wanted bool) *twinHub { return &twinHub{wanted: wanted, ready: make(chan struct{})} }

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

var errNoTwin = errors.New("this agent has no twin of the app's container: nothing is inherited")

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
		return nil, ctx.Err()
	}
}

func (h *twinHub) serve(ctx context.Context, l net.Listener, changed func()) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if env, err := askTwin(ctx, conn); err == nil {
			h.take(env)
			changed()
		}
	}
}

// askTwin asks for the environment. The connection is kept open by the twin,
// which asks to be asked again by connecting anew.
func askTwin(ctx context.Context, conn net.Conn) (*tunnel.Environment, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if err := json.NewEncoder(conn).Encode(twinRequest{Op: "env"}); err != nil {
		_ = conn.Close()
		return nil, err
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxTwinLine)
	if !lines.Scan() {
		_ = conn.Close()
		return nil, fmt.Errorf("twin: no answer: %w", lines.Err())
	}
	var a twinAnswer
	if err := json.Unmarshal(lines.Bytes(), &a); err != nil || a.Env == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("twin: bad answer: %q: %w", a.Error, err)
	}
	_ = conn.Close()
	return a.Env, nil
}

func (h *twinHub) take(env *tunnel.Environment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.env = env
	select {
	case <-h.ready:
	default:
		close(h.ready)
	}
}

// Twin runs in the app's own image: it answers the agent's questions about its
// container, until ctx ends. It connects again whenever the agent has gone; once
// the agent has its answer, only now and then.
func Twin(ctx context.Context, socket string) error {
	pause := twinFirstPause
	for {
		answered, err := answerAgent(ctx, socket)
		if answered {
			pause = twinIdle
		} else if err != nil {
			pause = min(2*pause, twinIdle)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

const (
	twinFirstPause = 10 * time.Millisecond
	// twinIdle is how soon a restarted agent has its environment again.
	twinIdle = 2 * time.Second
)

func answerAgent(ctx context.Context, socket string) (answered bool, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var q twinRequest
		a := twinAnswer{}
		switch err := json.Unmarshal(lines.Bytes(), &q); {
		case err != nil:
			a.Error = err.Error()
		case q.Op == "env":
			a.Env = ownEnvironment()
		default:
			a.Error = fmt.Sprintf("the twin does not know %q", q.Op)
		}
		if err := json.NewEncoder(conn).Encode(a); err != nil {
			return answered, err
		}
		answered = true
	}
	return answered, lines.Err()
}

// ownEnvironment is the container as this process sees it.
func ownEnvironment() *tunnel.Environment {
	e := &tunnel.Environment{Env: os.Environ(), UID: os.Getuid(), GID: os.Getgid()}
	e.Hostname, _ = os.Hostname()
	e.Workdir, _ = os.Getwd()
	if content, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		e.ResolvConf = string(content)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return e
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			e.PodIPs = append(e.PodIPs, ip.IP.String())
		}
	}
	return e
}
