package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// connectUDP relays datagrams between a stream and a socket of the pod, until the
// stream ends or nothing has come for flowIdle.
func (a *Agent) connectUDP(ctx context.Context, s tunnel.Stream, target string) {
	defer a.outgoing.Add(-1)
	if a.outgoing.Add(1) > maxOutgoing {
		_ = s.Refuse(tunnel.RefusedInternal, fmt.Sprintf("the agent has %d connections out of its pod already", maxOutgoing))
		return
	}
	dialer := net.Dialer{Timeout: a.cfg.times.dial}
	conn, err := dialer.DialContext(ctx, "udp", target)
	if err != nil {
		_ = s.Refuse(refusal(err), err.Error())
		return
	}
	defer func() { _ = conn.Close() }()
	if s.Accept() != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	ended := make(chan struct{})
	go func() { // ends with the stream
		defer close(ended)
		defer func() { _ = conn.Close() }()
		copyDatagrams(conn, tunnel.NewDatagrams(s), conn)
	}()
	copyDatagrams(tunnel.NewDatagrams(s), conn, conn)
	_ = s.Close()
	<-ended
}

type messages interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error)
}

// copyDatagrams passes messages on until one side can't any more. What nobody takes at
// the far end (ICMP port unreachable) is lost, as datagrams are.
func copyDatagrams(to, from messages, idle net.Conn) {
	buf := make([]byte, maxDatagram)
	for {
		if err := idle.SetReadDeadline(time.Now().Add(flowIdle)); err != nil {
			return
		}
		n, err := from.Read(buf)
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil && (!isRefused(err) || errors.Is(err, os.ErrDeadlineExceeded)) {
			return
		}
	}
}
