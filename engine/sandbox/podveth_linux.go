package sandbox

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// openVeth makes a pair of links and gives a packet socket on the far one. That is
// moved to a network namespace of its own, which nothing but the socket keeps: a pod
// has no second link. Where there can't be one it stays beside.
func openVeth(name, peer string) (int, error) {
	if err := addVeth(name, peer, vethAddress); err != nil {
		return -1, err
	}
	type opened struct {
		fd  int
		err error
	}
	result := make(chan opened)
	go func() {
		// Never unlocked: the thread, which is in another namespace, ends with the goroutine.
		runtime.LockOSThread()
		moveAway(peer)
		fd, err := openPacketSocket(peer)
		result <- opened{fd, err}
	}()
	r := <-result
	return r.fd, r.err
}

// moveAway takes a link and this thread to a new network namespace, or leaves both.
func moveAway(link string) {
	far, err := net.InterfaceByName(link)
	if err != nil {
		return
	}
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return
	}
	defer func() { _ = here.Close() }()
	if unix.Unshare(unix.CLONE_NEWNET) != nil {
		return
	}
	there, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		_ = unix.Setns(int(here.Fd()), unix.CLONE_NEWNET)
		return
	}
	defer func() { _ = there.Close() }()
	// A link is moved by who is where it is.
	if unix.Setns(int(here.Fd()), unix.CLONE_NEWNET) != nil || moveLink(far.Index, int(there.Fd())) != nil {
		return
	}
	_ = unix.Setns(int(there.Fd()), unix.CLONE_NEWNET)
}

func openPacketSocket(link string) (int, error) {
	far, err := net.InterfaceByName(link)
	if err != nil {
		return -1, err
	}
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+link+"/disable_ipv6", []byte("1"), 0)
	// Up before bind: a socket bound to a link that is down gets ENETDOWN.
	if err := setLinkUp(far.Index, podMTU, true); err != nil {
		return -1, err
	}
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1)
	if err == nil {
		// Without room a burst is lost, and TCP has to find out.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 8<<20)
		_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: far.Index})
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	return fd, nil
}
