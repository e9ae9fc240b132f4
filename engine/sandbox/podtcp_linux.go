package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// serveTCP answers a program's SYN: as the far side does, and not before it.
func (n *podNetwork) serveTCP(r *tcp.ForwarderRequest) {
	if !n.spawn(func() { n.serveConnection(r) }) {
		r.Complete(false)
	}
}

func (n *podNetwork) serveConnection(r *tcp.ForwarderRequest) {
	id := r.ID()
	f := flowOf(id)
	defer n.syns.Delete(id)
	if n.dns.at(f.to) {
		if conn := n.acceptTCP(r); conn != nil {
			stop := context.AfterFunc(n.ctx, conn.Abort)
			defer stop()
			n.dns.serveStream(n.ctx, conn)
		}
		return
	}
	far, err := n.hosts.dial(n.ctx, "tcp", f.to)
	if err != nil {
		n.log.Debug("connection refused", "to", f.to, "error", err)
		n.refuse(r, f, err)
		return
	}
	near := n.acceptTCP(r)
	if near == nil {
		_ = far.Close()
		return
	}
	stop := context.AfterFunc(n.ctx, func() {
		near.Abort()
		resetConn(far)
	})
	defer stop()
	relayBoth(near, far)
}

// acceptTCP completes the handshake; nil when the program has given up.
func (n *podNetwork) acceptTCP(r *tcp.ForwarderRequest) *stackConn {
	queue := &waiter.Queue{}
	ep, failed := r.CreateEndpoint(queue)
	if failed != nil {
		r.Complete(true)
		return nil
	}
	r.Complete(false)
	return &stackConn{TCPConn: gonet.NewTCPConn(queue, ep), ep: ep}
}

// refuse tells the program what the far side has told: a reset, an ICMP message, or
// nothing at all.
func (n *podNetwork) refuse(r *tcp.ForwarderRequest, f flow, err error) {
	if errors.Is(err, syscall.ECONNRESET) {
		// Somebody had taken it: a reset instead of an answer would say that nobody did.
		if conn := n.acceptTCP(r); conn != nil {
			conn.Abort()
		}
		return
	}
	answer := answerFor(err)
	if answer == answerUnreachable {
		if sequence, ok := n.syns.Load(r.ID()); ok {
			n.link.inject(unreachable(f, syscall.IPPROTO_TCP, sequence.(uint32), reasonFor(err)))
		}
	}
	r.Complete(answer == answerReset)
}

// dialAnswer is how a failed dial is told.
type dialAnswer int

const (
	answerReset dialAnswer = iota
	answerUnreachable
	answerSilence
)

func answerFor(err error) dialAnswer {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return answerReset
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &timeout) && timeout.Timeout():
		return answerSilence
	}
	return answerUnreachable
}

// reasonFor tells a router's "no way to such addresses" from a host that does not answer.
func reasonFor(err error) reason {
	if errors.Is(err, syscall.ENETUNREACH) {
		return networkUnreachable
	}
	return hostUnreachable
}

// relayBuffer is as large as a netstack's segments.
const relayBuffer = 64 << 10

var relayBuffers = sync.Pool{New: func() any { return new([relayBuffer]byte) }}

// relayBoth copies both ways until both have ended, passing half-closes and resets on.
func relayBoth(near, far net.Conn) {
	var back sync.WaitGroup
	back.Go(func() { relayOne(far, near) })
	relayOne(near, far)
	back.Wait()
	_ = near.Close()
	_ = far.Close()
}

func relayOne(dst, src net.Conn) {
	buffer := relayBuffers.Get().(*[relayBuffer]byte)
	defer relayBuffers.Put(buffer)
	// Without the methods that would bring a small buffer of their own.
	_, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, buffer[:])
	if err != nil {
		// A side that broke must not look like one that has finished.
		resetConn(dst)
		resetConn(src)
		return
	}
	if c, ok := dst.(closeWriter); ok {
		_ = c.CloseWrite()
		return
	}
	_ = dst.Close()
}
