package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Dial connects to a listener inside. One that listens on the pod's addresses sees
// the caller's; one on the loopback alone is reached from there.
func (n *namespaces) Dial(ctx context.Context, source netip.AddrPort, port int) (net.Conn, error) {
	if err := n.open(); err != nil {
		return nil, err
	}
	state := n.ports.lookup(port, false)
	if state.PID != 0 && state.bound.IsLoopback() {
		// A listener that has moved to the pod's addresses meanwhile must see its callers'.
		state = n.ports.lookup(port, true)
	}
	if state.PID == 0 {
		return nil, notListening(port)
	}
	network := n.net.Load()
	if network != nil && state.addr.IsValid() && !state.bound.IsLoopback() {
		conn, err := network.dial(ctx, source, port)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		// It may listen anew, at another address, or for one family alone.
		if state = n.ports.lookup(port, true); state.PID == 0 {
			return nil, notListening(port)
		}
	}
	conn, err := n.dialLoopback(ctx, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)))
	if err != nil && errors.Is(err, syscall.ECONNREFUSED) {
		conn, err = n.dialLoopback(ctx, netip.AddrPortFrom(netip.IPv6Loopback(), uint16(port)))
	}
	return conn, err
}

// dialLoopback has the init connect, and takes the socket.
func (n *namespaces) dialLoopback(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	reply, err := n.super.request(ctx, initRequest{Op: opConnect, Address: to}, nil)
	defer closeAll(reply.files)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	if len(reply.files) != 1 {
		return nil, fmt.Errorf("the sandbox's init sent %d sockets, not 1", len(reply.files))
	}
	return net.FileConn(reply.files[0])
}
