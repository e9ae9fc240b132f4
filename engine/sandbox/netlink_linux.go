package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes and numbers of linux/inet_diag.h.
const (
	sockDiagByFamily = 20
	inetDiagReqSize  = 56
	inetDiagMsgSize  = 72
	tcpListen        = 10
)

// listListenersByNetlink asks the kernel for the listening sockets alone, which
// stays cheap on a machine with many connections. A socket is opened each time:
// no state to go wrong, a few microseconds.
func listListenersByNetlink(port int) ([]listenSocket, error) {
	fd, err := openDiag()
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	return listListenersBy(fd, port)
}

// listListenersBy asks on an open socket, for the network namespace it was made in.
func listListenersBy(fd, port int) ([]listenSocket, error) {
	var sockets []listenSocket
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		found, err := dumpListeners(fd, family, port)
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, found...)
	}
	return sockets, nil
}

// diagSocket asks about the sockets of the network namespace it was made in.
type diagSocket struct {
	mu   sync.Mutex
	file *os.File
}

func (d *diagSocket) listeners(port int) ([]listenSocket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil, net.ErrClosed
	}
	return listListenersBy(int(d.file.Fd()), port)
}

func (d *diagSocket) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil {
		_ = d.file.Close()
		d.file = nil
	}
}

// openDiag opens a socket for questions about sockets.
func openDiag() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return -1, fmt.Errorf("netlink socket: %w", err)
	}
	timeout := unix.NsecToTimeval(time.Second.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("netlink timeout: %w", err)
	}
	return fd, nil
}

// diagRequest is a question about TCP sockets in some states; the socket's own part
// begins 8 bytes after the header.
func diagRequest(family byte, flags uint16, states uint32) []byte {
	request := make([]byte, unix.NLMSG_HDRLEN+inetDiagReqSize)
	ne := binary.NativeEndian
	ne.PutUint32(request[0:], uint32(len(request)))
	ne.PutUint16(request[4:], sockDiagByFamily)
	ne.PutUint16(request[6:], unix.NLM_F_REQUEST|flags)
	body := request[unix.NLMSG_HDRLEN:]
	body[0], body[1] = family, unix.IPPROTO_TCP
	ne.PutUint32(body[4:], states)
	return request
}

func dumpListeners(fd int, family byte, port int) ([]listenSocket, error) {
	request := diagRequest(family, unix.NLM_F_DUMP, 1<<tcpListen)
	binary.BigEndian.PutUint16(request[unix.NLMSG_HDRLEN+8:], uint16(port))
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("netlink request: %w", err)
	}
	var sockets []listenSocket
	buffer := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("netlink answer: %w", err)
		}
		found, more, err := parseDiag(buffer[:n], port)
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, found...)
		if !more {
			return sockets, nil
		}
	}
}

// parseDiag reads one datagram of answers; more tells whether others follow.
func parseDiag(data []byte, port int) (sockets []listenSocket, more bool, err error) {
	ne := binary.NativeEndian
	for len(data) >= unix.NLMSG_HDRLEN {
		length := int(ne.Uint32(data))
		if length < unix.NLMSG_HDRLEN || length > len(data) {
			return nil, false, fmt.Errorf("netlink answer: message of %d bytes in %d", length, len(data))
		}
		body := data[unix.NLMSG_HDRLEN:length]
		switch ne.Uint16(data[4:]) {
		case unix.NLMSG_DONE:
			return sockets, false, nil
		case unix.NLMSG_ERROR:
			if len(body) < 4 {
				return nil, false, fmt.Errorf("netlink answer: error without a number")
			}
			return nil, false, fmt.Errorf("netlink answer: %w", unix.Errno(-int32(ne.Uint32(body))))
		case sockDiagByFamily:
			if s, ok := parseDiagMessage(body, port); ok {
				sockets = append(sockets, s)
			}
		}
		aligned := (length + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
		data = data[min(aligned, len(data)):]
	}
	return sockets, true, nil
}

func parseDiagMessage(body []byte, port int) (listenSocket, bool) {
	if len(body) < inetDiagMsgSize || body[1] != tcpListen || int(binary.BigEndian.Uint16(body[4:])) != port {
		return listenSocket{}, false
	}
	s := listenSocket{inode: uint64(binary.NativeEndian.Uint32(body[68:]))}
	if body[0] == unix.AF_INET {
		s.addr = netip.AddrFrom4([4]byte(body[8:12]))
	} else {
		s.addr = netip.AddrFrom16([16]byte(body[8:24]))
	}
	return s, true
}
