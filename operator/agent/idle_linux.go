package agent

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// idle tells whether a caller's connection rests: all that was sent to it is
// acknowledged, nothing of it waits to be read, the last bytes were not the caller's (a
// question that waits for its answer, at a breakpoint perhaps), and they were some time
// ago. The kernel
// knows this also of connections that it splices by itself (tcp(7), TCP_INFO).
func idle(conn *net.TCPConn, after time.Duration) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var info *unix.TCPInfo
	var unread int
	var infoErr, unreadErr error
	if err := raw.Control(func(fd uintptr) {
		info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		unread, unreadErr = unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	}); err != nil || infoErr != nil || unreadErr != nil || unread > 0 {
		return false
	}
	heard, said := time.Duration(info.Last_data_recv)*time.Millisecond, time.Duration(info.Last_data_sent)*time.Millisecond
	return info.Unacked == 0 && info.Notsent_bytes == 0 && said <= heard && said >= after
}
