package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// DialIn connects to an address, not a name, in another process's network.
func DialIn(ctx context.Context, pid int, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	// Exactly one result comes, soon after ctx ends at the latest.
	done := make(chan result, 1)
	go func() {
		// The thread changes its network for good: it is never unlocked, so it ends
		// with this goroutine.
		runtime.LockOSThread()
		conn, err := dialFromThread(ctx, pid, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

func dialFromThread(ctx context.Context, pid int, address string) (net.Conn, error) {
	ns, err := os.Open(procFile(pid, "ns/net"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = ns.Close() }()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter the network of process %d: %w", pid, err)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}
