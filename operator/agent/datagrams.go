package agent

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	// flowIdle is after how long without a datagram a flow is forgotten, as conntrack does for UDP.
	flowIdle = 60 * time.Second
	// maxFlows bounds the callers of one port at a time; the datagrams of others are dropped, as UDP may.
	maxFlows    = 512
	maxDatagram = 64 << 10
)

// flows are the callers of one UDP port. UDP does not go to workstations: all
// datagrams go to the origin, each caller by a socket of its own, so that answers
// find their way back. Goroutines: one per flow, ended by flowIdle or close.
type flows struct {
	agent *Agent
	conn  net.PacketConn
	port  *port

	mu   sync.Mutex
	open map[netip.AddrPort]net.Conn
}

// relayDatagrams serves a UDP port until conn is closed.
func (a *Agent) relayDatagrams(conn net.PacketConn, p *port) {
	f := &flows{agent: a, conn: conn, port: p, open: map[netip.AddrPort]net.Conn{}}
	defer f.close()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			pause(a.ctx, acceptPause)
			continue
		}
		udp, ok := from.(*net.UDPAddr)
		if !ok {
			continue
		}
		if flow := f.of(udp); flow != nil {
			_ = flow.SetReadDeadline(time.Now().Add(flowIdle))
			_, _ = flow.Write(buf[:n]) // a datagram may be lost
		}
	}
}

// of gives a caller's flow, nil when there is none to be had.
func (f *flows) of(caller *net.UDPAddr) net.Conn {
	key := caller.AddrPort()
	f.mu.Lock()
	defer f.mu.Unlock()
	if flow := f.open[key]; flow != nil {
		return flow
	}
	if len(f.open) >= maxFlows {
		return nil
	}
	flow, err := net.Dial("udp", f.port.present().Origin)
	if err != nil {
		f.agent.cfg.Log.Warn("the origin can't be reached", "error", err)
		return nil
	}
	f.open[key] = flow
	f.agent.group.Go(func() { f.answer(caller, flow) })
	return flow
}

// answer passes the origin's datagrams back.
func (f *flows) answer(caller *net.UDPAddr, flow net.Conn) {
	defer func() {
		f.mu.Lock()
		delete(f.open, caller.AddrPort())
		f.mu.Unlock()
		_ = flow.Close()
	}()
	buf := make([]byte, maxDatagram)
	for {
		n, err := flow.Read(buf)
		switch {
		case err == nil:
			_ = flow.SetReadDeadline(time.Now().Add(flowIdle))
			_, _ = f.conn.WriteTo(buf[:n], caller)
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return
		default:
			// The origin's host says that nobody listens (ICMP); the next datagram may fare better.
			pause(f.agent.ctx, acceptPause)
		}
	}
}

func (f *flows) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, flow := range f.open {
		_ = flow.Close()
	}
}
