package link

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// handle serves a stream that the agent opens: a call for the debuggee.
func (l *Link) handle(ctx context.Context, s tunnel.Stream) {
	h := s.Header()
	if h.Kind != tunnel.KindTCP {
		_ = s.Refuse(tunnel.RefusedUnsupported, "streams of kind "+string(h.Kind)+" are not taken here")
		return
	}
	conn, err := l.cfg.Take(ctx, int(h.Port), h.Source)
	if err != nil {
		_ = s.Refuse(codeOf(err), err.Error())
		return
	}
	if err := s.Accept(); err != nil {
		_ = conn.Close()
		return
	}
	l.connections.Add(1)
	l.active.Add(1)
	defer l.active.Add(-1)
	in, out := tunnel.Splice(s, conn)
	l.in.Add(in)
	l.out.Add(out)
}

// codeOf tells the far side why a dial failed.
func codeOf(err error) tunnel.RefuseCode {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return tunnel.RefusedConnection
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return tunnel.RefusedUnreachable
	case errors.As(err, &dns):
		return tunnel.RefusedNoSuchHost
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return tunnel.RefusedTimeout
	}
	return tunnel.RefusedInternal
}
