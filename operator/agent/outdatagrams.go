package agent

import (
	"context"
	"fmt"
	"io"
	"net"
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
	messages := tunnel.NewDatagrams(s)
	ended := make(chan struct{})
	go func() { // ends with the stream
		defer close(ended)
		defer func() { _ = conn.Close() }()
		copyDatagrams(conn, messages, conn, messages.Refused)
	}()
	copyDatagrams(messages, conn, conn, messages.Refused)
	_ = s.Close()
	<-ended
}

// copyDatagrams passes messages on until one side can't any more. When nobody takes
// them at the far end (ICMP port unreachable), refused tells so, and it goes on.
func copyDatagrams(to io.Writer, from io.Reader, idle net.Conn, refused func() error) {
	buf := make([]byte, maxDatagram)
	for {
		if err := idle.SetReadDeadline(time.Now().Add(flowIdle)); err != nil {
			return
		}
		n, err := from.Read(buf)
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if isRefused(err) {
			err = refused()
		}
		if err != nil {
			return
		}
	}
}
