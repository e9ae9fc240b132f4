package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// handle serves a stream that the engine opens.
func (c *client) handle(ctx context.Context, s tunnel.Stream) {
	if s.Header().Kind == tunnel.KindServe {
		c.handleServe(s)
		return
	}
	way := c.presentWay()
	if way.Err() != nil {
		_ = s.Refuse(tunnel.RefusedForbidden, errOver.Error())
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(way, func() {
		cancel()
		_ = s.Reset()
	})
	defer stop()
	c.handleOutgoing(ctx, s)
}

// handleOutgoing serves a stream by which the engine wants something of the cluster.
func (c *client) handleOutgoing(ctx context.Context, s tunnel.Stream) {
	switch h := s.Header(); h.Kind {
	case tunnel.KindTCP:
		c.agent.connect(ctx, s, h.Target)
	case tunnel.KindUDP:
		c.agent.connectUDP(ctx, s, h.Target)
	case tunnel.KindDNS:
		c.handleDNS(ctx, s)
	case tunnel.KindEnv:
		c.handleEnv(ctx, s)
	case tunnel.KindFile:
		c.handleFile(ctx, s, h.Target)
	default:
		_ = s.Refuse(tunnel.RefusedUnsupported, "this agent does not know streams of kind "+string(h.Kind))
	}
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// maxOutgoing bounds the connections that are made from the pod at a time.
const maxOutgoing = 4096

// connect makes a connection from the pod to the first target that can be reached.
func (a *Agent) connect(ctx context.Context, s tunnel.Stream, targets ...string) {
	defer a.outgoing.Add(-1)
	if a.outgoing.Add(1) > maxOutgoing {
		_ = s.Refuse(tunnel.RefusedInternal, fmt.Sprintf("the agent has %d connections out of its pod already", maxOutgoing))
		return
	}
	dialer := net.Dialer{Timeout: a.cfg.times.dial}
	var conn net.Conn
	var err error
	for _, target := range targets {
		if conn, err = dialer.DialContext(ctx, "tcp", target); err == nil {
			break
		}
	}
	if err != nil {
		_ = s.Refuse(refusal(err), err.Error())
		return
	}
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
	servers := nameservers(string(content))
	if len(servers) == 0 {
		_ = s.Refuse(tunnel.RefusedUnsupported, "the pod's resolv.conf names no nameserver")
		return
	}
	c.agent.connect(ctx, s, servers...)
}

// maxNameservers is resolv.conf(5)'s own limit.
const maxNameservers = 3

func nameservers(resolvConf string) (addresses []string) {
	for line := range strings.Lines(resolvConf) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" && len(addresses) < maxNameservers {
			addresses = append(addresses, net.JoinHostPort(f[1], "53"))
		}
	}
	return addresses
}

// refusal tells a failed dial as what it was.
func refusal(err error) tunnel.RefuseCode {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return tunnel.RefusedNoSuchHost
	case errors.Is(err, syscall.ECONNREFUSED) && dns == nil:
		return tunnel.RefusedConnection
	case errors.Is(err, syscall.ECONNRESET) && dns == nil:
		return tunnel.RefusedReset
	case errors.Is(err, syscall.EHOSTUNREACH):
		return tunnel.RefusedUnreachable
	case errors.Is(err, syscall.ENETUNREACH):
		return tunnel.RefusedNoNetwork
	case errors.As(err, &timeout) && timeout.Timeout():
		return tunnel.RefusedTimeout
	}
	return tunnel.RefusedInternal
}
