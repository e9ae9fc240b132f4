package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// Dial connects to the session's own listener, never to a foreign one on the same
// port. The source can't be shown here: the debuggee sees the loopback address.
func (b *loopback) Dial(ctx context.Context, _ netip.AddrPort, port int) (net.Conn, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	state := b.ports.lookup(port, false)
	if state.PID == 0 {
		return nil, notListening(port)
	}
	conn, err := dialListener(ctx, state.addr, port)
	if err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
		return conn, err
	}
	// It may listen anew, at another address.
	if state = b.ports.lookup(port, true); state.PID == 0 {
		return nil, notListening(port)
	}
	return dialListener(ctx, state.addr, port)
}

func notListening(port int) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("no process of the session listens on port %d: %w", port, syscall.ECONNREFUSED)}
}

func dialListener(ctx context.Context, addr netip.Addr, port int) (net.Conn, error) {
	var d net.Dialer
	if addr != netip.IPv6Unspecified() {
		return d.DialContext(ctx, "tcp", net.JoinHostPort(addr.String(), strconv.Itoa(port)))
	}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil && errors.Is(err, syscall.ECONNREFUSED) {
		return d.DialContext(ctx, "tcp", net.JoinHostPort("::1", strconv.Itoa(port)))
	}
	return conn, err
}
