package sandbox

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// udpIdle is how long a flow lives without a message, as in a kernel's tables.
const udpIdle = 2 * time.Minute

// maxFlows bounds the flows, each of which has buffers for the largest message.
const maxFlows = 1024

// maxMessage is the largest UDP message.
const maxMessage = 1 << 16

// takeUDP takes the first message of a flow; false = the netstack answers "port unreachable".
func (n *podNetwork) takeUDP(r *udp.ForwarderRequest) bool {
	f := flowOf(r.ID())
	if to := f.to.Addr(); to.IsMulticast() || (to.Is4() && to.As4() == [4]byte{255, 255, 255, 255}) {
		return true // nobody hears it
	}
	if !n.dns.at(f.to) && n.flows.Load() >= maxFlows {
		return true // lost, as in a router whose table is full
	}
	queue := &waiter.Queue{}
	ep, failed := r.CreateEndpoint(queue)
	if failed != nil {
		return true // two first messages at once: the other has made the flow
	}
	near := gonet.NewUDPConn(queue, ep)
	if !n.spawn(func() { n.serveFlow(near, f) }) {
		_ = near.Close()
	}
	return true
}

func (n *podNetwork) serveFlow(near *gonet.UDPConn, f flow) {
	stop := context.AfterFunc(n.ctx, func() { _ = near.Close() })
	defer stop()
	defer func() { _ = near.Close() }()
	if n.dns.at(f.to) {
		n.dns.serveMessages(n.ctx, near)
		return
	}
	n.flows.Add(1)
	defer n.flows.Add(-1)
	far, err := n.hosts.dial(n.ctx, "udp", f.to)
	if err != nil {
		n.log.Debug("flow refused", "to", f.to, "error", err)
		n.refuseUDP(f, err)
		return
	}
	stopFar := context.AfterFunc(n.ctx, func() { _ = far.Close() })
	defer stopFar()
	n.relayMessages(near, far, f)
}

func (n *podNetwork) refuseUDP(f flow, err error) {
	switch answerFor(err) {
	case answerReset:
		n.link.inject(unreachable(f, syscall.IPPROTO_UDP, 0, portUnreachable))
	case answerUnreachable:
		n.link.inject(unreachable(f, syscall.IPPROTO_UDP, 0, reasonFor(err)))
	case answerSilence:
	}
}

// relayMessages copies both ways until neither side has said anything for long.
func (n *podNetwork) relayMessages(near, far net.Conn, f flow) {
	var last atomic.Int64
	last.Store(time.Now().UnixNano())
	var back sync.WaitGroup
	back.Go(func() {
		n.copyMessages(near, far, &last, f)
		_ = near.Close()
	})
	n.copyMessages(far, near, &last, f)
	_ = far.Close()
	back.Wait()
}

// copyMessages passes messages on. A far side that refuses one is told to the
// program; the flow goes on, as a socket does.
func (n *podNetwork) copyMessages(dst, src net.Conn, last *atomic.Int64, f flow) {
	buffer := make([]byte, maxMessage)
	for n.ctx.Err() == nil {
		_ = src.SetReadDeadline(time.Unix(0, last.Load()).Add(udpIdle))
		size, err := src.Read(buffer)
		if err == nil {
			last.Store(time.Now().UnixNano())
			_, err = dst.Write(buffer[:size])
		}
		if err == nil {
			continue
		}
		var timeout net.Error
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			n.refuseUDP(f, err)
		case errors.As(err, &timeout) && timeout.Timeout() && time.Since(time.Unix(0, last.Load())) < udpIdle:
			// The other direction is alive.
		case errors.Is(err, syscall.EMSGSIZE):
		default:
			return
		}
	}
}
