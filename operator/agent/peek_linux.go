package agent

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// peek waits for a caller's first bytes and leaves them where they are, in its
// socket. n is 0 at the caller's end. A read deadline interrupts it.
func peek(conn *net.TCPConn, b []byte) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peekErr error
	err = raw.Read(func(fd uintptr) bool {
		for {
			n, _, peekErr = unix.Recvfrom(int(fd), b, unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if !errors.Is(peekErr, unix.EINTR) {
				return !errors.Is(peekErr, unix.EAGAIN)
			}
		}
	})
	return max(n, 0), errors.Join(err, peekErr)
}
