package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// peerAllowed tells whether the socket at the other end belongs to this user, or to
// root. Where the kernel doesn't say, it is allowed: a program must not fail for that.
func peerAllowed(conn net.Conn) bool {
	remote, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return true
	}
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return true
	}
	uid, err := socketOwner(remote.AddrPort(), local.AddrPort())
	return err != nil || uid == 0 || uid == os.Getuid()
}

var errNoOwner = errors.New("the kernel does not tell the socket's owner")

// socketOwner asks for the user of one end of a connection on this machine.
func socketOwner(from, to netip.AddrPort) (int, error) {
	fd, err := openDiag()
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	request := diagRequest(unix.AF_INET, 0, ^uint32(0))
	if from.Addr().Is6() && !from.Addr().Is4In6() {
		request = diagRequest(unix.AF_INET6, 0, ^uint32(0))
	}
	id := request[unix.NLMSG_HDRLEN+8:]
	binary.BigEndian.PutUint16(id[0:], from.Port())
	binary.BigEndian.PutUint16(id[2:], to.Port())
	copy(id[4:20], from.Addr().Unmap().AsSlice())
	copy(id[20:36], to.Addr().Unmap().AsSlice())
	// No cookie: any socket with these addresses.
	for i := 40; i < 48; i++ {
		id[i] = 0xff
	}
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, fmt.Errorf("netlink request: %w", err)
	}
	buffer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buffer, 0)
	if err != nil {
		return 0, fmt.Errorf("netlink answer: %w", err)
	}
	answer := buffer[:n]
	if n < unix.NLMSG_HDRLEN+inetDiagMsgSize || binary.NativeEndian.Uint16(answer[4:]) != sockDiagByFamily {
		return 0, errNoOwner
	}
	return int(binary.NativeEndian.Uint32(answer[unix.NLMSG_HDRLEN+64:])), nil
}
