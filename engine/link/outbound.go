package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// maxEnvironment bounds what an agent may send: the kernel takes 2 MiB of
// arguments and environment (execve(2)), ConfigMaps hold 1 MiB each.
const maxEnvironment = 16 << 20

func (l *Link) environment(ctx context.Context) (*tunnel.Environment, error) {
	s, err := l.open(ctx, tunnel.Header{Kind: tunnel.KindEnv})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := s.Accepted(ctx); err != nil {
		return nil, err
	}
	var e tunnel.Environment
	if err := json.NewDecoder(io.LimitReader(s, maxEnvironment)).Decode(&e); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	return &e, nil
}

func (l *Link) open(ctx context.Context, h tunnel.Header) (tunnel.Stream, error) {
	session, err := l.current(ctx)
	if err != nil {
		return nil, err
	}
	return session.Open(ctx, h)
}

// DialContext connects from the pod to "host:port". A connection by UDP keeps the
// boundaries of messages.
func (l *Link) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	kind := tunnel.KindTCP
	switch network {
	case "tcp", "tcp4", "tcp6":
	case "udp", "udp4", "udp6":
		kind = tunnel.KindUDP
	default:
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	s, err := l.open(ctx, tunnel.Header{Kind: kind, Target: address})
	if err == nil {
		err = s.Accepted(ctx)
		if err != nil {
			_ = s.Reset()
		}
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: dialError(address, err)}
	}
	if kind == tunnel.KindUDP {
		return &datagramConn{Conn: s, messages: tunnel.NewDatagrams(s)}, nil
	}
	return s, nil
}

// datagramConn is a stream of datagrams as a connection.
type datagramConn struct {
	net.Conn
	messages *tunnel.Datagrams
}

func (c *datagramConn) Read(b []byte) (int, error)  { return c.messages.Read(b) }
func (c *datagramConn) Write(b []byte) (int, error) { return c.messages.Write(b) }

// dialError gives the far side's refusal as what it was there.
func dialError(address string, err error) error {
	var refused *tunnel.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case tunnel.RefusedConnection:
		return syscall.ECONNREFUSED
	case tunnel.RefusedReset:
		return syscall.ECONNRESET
	case tunnel.RefusedUnreachable:
		return syscall.EHOSTUNREACH
	case tunnel.RefusedNoNetwork:
		return syscall.ENETUNREACH
	case tunnel.RefusedTimeout:
		return syscall.ETIMEDOUT
	case tunnel.RefusedNoSuchHost:
		host, _, _ := net.SplitHostPort(address)
		return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return err
}
