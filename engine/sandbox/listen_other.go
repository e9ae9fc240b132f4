//go:build !linux

package sandbox

import (
	"net"
	"net/netip"
	"strconv"
	"time"
)

// foundPort is a portState with what looking took.
type foundPort struct {
	portState
	cost time.Duration
}

// probeFinder connects to see whether somebody listens. It can't tell who: while
// the session has a process, a listener counts as its own, unless it was there
// before the session's first process.
type probeFinder struct{}

func newPortFinder() portFinder { return probeFinder{} }

// probeTime bounds one connect on the loopback.
const probeTime = 250 * time.Millisecond

func (probeFinder) find(port int, tree func() []int, last *foundPort) foundPort {
	began := time.Now()
	found := foundPort{portState: portState{Listening: Listening{Port: port}}}
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), probeTime)
		if err != nil {
			continue
		}
		_ = conn.Close()
		pids := tree()
		if len(pids) == 0 || last.Taken {
			found.Taken = true
			break
		}
		found.PID = pids[0]
		found.addr = netip.MustParseAddr(host)
		break
	}
	// A probe is a connection to the debuggee: at most one in 100 ms.
	found.cost = max(time.Since(began), 5*time.Millisecond)
	return found
}
