package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// handle serves a stream that the engine opens.
func (c *client) handle(ctx context.Context, s tunnel.Stream) {
	switch s.Header().Kind {
	case tunnel.KindServe:
		c.handleServe(s)
	case tunnel.KindTCP:
		c.handleDial(ctx, s, s.Header().Target)
	case tunnel.KindDNS:
		c.handleDNS(ctx, s)
	case tunnel.KindEnv:
		c.handleEnv(ctx, s)
	default:
		_ = s.Refuse(tunnel.RefusedUnsupported, "this agent does not know streams of kind "+string(s.Header().Kind))
	}
}

// maxServeLine bounds a ServeState: a Service has 64 ports of interest at most.
const maxServeLine = 16 << 10

// handleServe keeps what the workstation serves up to date while the stream lives.
func (c *client) handleServe(s tunnel.Stream) {
	defer func() { _ = s.Close() }()
	if s.Accept() != nil {
		return
	}
	c.beginServing(s)
	defer c.setServing(s, nil)
	lines := bufio.NewScanner(s)
	lines.Buffer(nil, maxServeLine)
	for lines.Scan() {
		var state tunnel.ServeState
		if err := json.Unmarshal(lines.Bytes(), &state); err != nil {
			c.agent.cfg.Log.Warn("serve stream", "error", err)
			return
		}
		c.setServing(s, state.Ports)
		state.Connections, state.Origin = c.connections.Load(), c.origin.Load()
		answer, err := json.Marshal(state)
		if err != nil {
			return
		}
		if _, err := s.Write(append(answer, '\n')); err != nil {
			return
		}
	}
}

// dialTimeout is the kernel's own patience for a connection that nobody answers, made shorter.
const dialTimeout = 30 * time.Second

// handleDial connects from the pod.
func (c *client) handleDial(ctx context.Context, s tunnel.Stream, target string) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		_ = s.Refuse(refusal(err), err.Error())
		return
	}
	defer c.agent.conns.track(conn)()
	if err := s.Accept(); err != nil {
		_ = conn.Close()
		return
	}
	tunnel.Splice(s, conn)
}

// handleDNS passes DNS messages (RFC 1035 section 4.2.2) to the pod's nameserver.
func (c *client) handleDNS(ctx context.Context, s tunnel.Stream) {
	content, err := os.ReadFile(c.agent.cfg.Resolver)
	if err != nil {
		_ = s.Refuse(tunnel.RefusedInternal, err.Error())
		return
	}
	for _, line := range strings.Split(string(content), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			c.handleDial(ctx, s, net.JoinHostPort(f[1], "53"))
			return
		}
	}
	_ = s.Refuse(tunnel.RefusedUnsupported, "the pod's resolv.conf names no nameserver")
}

func (c *client) handleEnv(ctx context.Context, s tunnel.Stream) {
	if !c.mayInherit() {
		_ = s.Refuse(tunnel.RefusedForbidden, "this intercept does not inherit the app's environment")
		return
	}
	env, err := c.agent.twin.environment(ctx)
	if err != nil {
		_ = s.Refuse(tunnel.RefusedUnsupported, err.Error())
		return
	}
	defer func() { _ = s.Close() }()
	if s.Accept() != nil {
		return
	}
	if err := json.NewEncoder(s).Encode(env); err != nil {
		return
	}
	_ = s.CloseWrite()
	_, _ = s.Read(make([]byte, 1)) // until the engine has read it
}

// refusal tells a failed dial as what it was.
func refusal(err error) tunnel.RefuseCode {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return tunnel.RefusedConnection
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return tunnel.RefusedUnreachable
	case errors.As(err, &dns):
		if dns.IsTimeout {
			return tunnel.RefusedTimeout
		}
		return tunnel.RefusedNoSuchHost
	case errors.As(err, &timeout) && timeout.Timeout():
		return tunnel.RefusedTimeout
	}
	return tunnel.RefusedInternal
}
