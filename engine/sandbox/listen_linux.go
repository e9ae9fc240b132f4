package sandbox

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"time"
)

// listenSocket is a listening TCP socket of this network namespace.
type listenSocket struct {
	inode uint64
	addr  netip.Addr
}

// foundPort is a portState with what it was concluded from.
type foundPort struct {
	portState
	sockets []listenSocket
	// link is /proc/PID/fd/N of the owner's descriptor, inode what it points to.
	link  string
	inode uint64
	// cost is what looking at the sockets took.
	cost time.Duration
}

// procFinder finds listeners by netlink, or in /proc/net, and their owners in /proc.
type procFinder struct {
	list func(port int) ([]listenSocket, error)
}

func newPortFinder() portFinder {
	if _, err := listListenersByNetlink(1); err == nil {
		return procFinder{list: listListenersByNetlink}
	}
	return procFinder{list: listListenersByProc}
}

// foreignLook is how often a port held by somebody else is looked at anew: a
// process of the session may have come to share the socket.
const foreignLook = 500 * time.Millisecond

func (f procFinder) find(port int, tree func() []int, last *foundPort) foundPort {
	began := time.Now()
	sockets, err := f.list(port)
	cost := time.Since(began)
	if err != nil {
		return foundPort{portState: portState{Listening: Listening{Port: port}}, cost: cost}
	}
	slices.SortFunc(sockets, func(a, b listenSocket) int { return int(int64(a.inode) - int64(b.inode)) })
	if len(sockets) > 0 && last.PID != 0 && slices.Equal(sockets, last.sockets) && pointsTo(last.link, last.inode) {
		last.cost = cost
		return *last
	}
	found := foundPort{portState: portState{Listening: Listening{Port: port}}, sockets: sockets, cost: cost}
	if len(sockets) == 0 {
		return found
	}
	pids := tree()
	for _, pid := range pids {
		if link, inode, ok := ownsOne(pid, sockets); ok {
			found.PID, found.link, found.inode = pid, link, inode
			found.addr, found.bound = dialAddress(sockets, inode), boundAddress(sockets, inode)
			found.cost = cost
			return found
		}
	}
	found.Taken = true
	found.Foreign = foreignOwner(pids, sockets, last)
	found.cost = max(cost, foreignLook/20)
	return found
}

// foreignOwner finds the process outside the session that holds one of the sockets.
func foreignOwner(session []int, sockets []listenSocket, last *foundPort) int {
	if last.Foreign != 0 && slices.Equal(sockets, last.sockets) {
		return last.Foreign
	}
	for _, pid := range allProcesses() {
		if slices.Contains(session, pid) {
			continue
		}
		if _, _, ok := ownsOne(pid, sockets); ok {
			return pid
		}
	}
	return 0
}

// ownsOne tells whether a process has one of the sockets open.
func ownsOne(pid int, sockets []listenSocket) (link string, inode uint64, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	d, err := os.Open(dir)
	if err != nil {
		return "", 0, false
	}
	names, err := d.Readdirnames(-1)
	_ = d.Close()
	if err != nil {
		return "", 0, false
	}
	for _, name := range names {
		target, err := os.Readlink(dir + "/" + name)
		if err != nil {
			continue
		}
		for _, s := range sockets {
			if target == socketLink(s.inode) {
				return dir + "/" + name, s.inode, true
			}
		}
	}
	return "", 0, false
}

func pointsTo(link string, inode uint64) bool {
	target, err := os.Readlink(link)
	return err == nil && target == socketLink(inode)
}

func socketLink(inode uint64) string { return "socket:[" + strconv.FormatUint(inode, 10) + "]" }

// dialAddress is where the session's own socket is reached, and no other socket of
// the same port: one bound to every IPv6 address takes IPv4 too, unless somebody
// else has that.
func dialAddress(sockets []listenSocket, inode uint64) netip.Addr {
	var own netip.Addr
	foreign4 := false
	for _, s := range sockets {
		if s.inode == inode {
			own = s.addr
		} else if s.addr.Is4() {
			foreign4 = true
		}
	}
	own = own.Unmap()
	switch {
	case own == netip.IPv4Unspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case own == netip.IPv6Unspecified() && foreign4:
		return netip.IPv6Loopback()
	case own == netip.IPv6Unspecified():
		return netip.IPv6Unspecified() // either loopback, IPv4 first
	default:
		return own
	}
}

// boundAddress is what the session's own sockets listen on; of several, one that is
// not the loopback.
func boundAddress(sockets []listenSocket, inode uint64) netip.Addr {
	var bound netip.Addr
	for _, s := range sockets {
		if a := s.addr.Unmap(); s.inode == inode || !a.IsLoopback() {
			bound = a
			if !a.IsLoopback() {
				break
			}
		}
	}
	return bound
}
