package link

import (
	"context"
	"errors"
	"net"
	"slices"
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
	if !l.begin(int(h.Port)) {
		_ = s.Refuse(tunnel.RefusedConnection, "the session does not listen on this port any more")
		return
	}
	defer l.calls.Add(-1)
	if h.Requests {
		l.byRequest.Add(1)
		defer l.byRequest.Add(-1)
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
	in, out, _ := tunnel.Splice(s, conn)
	l.in.Add(in)
	l.out.Add(out)
}

// begin counts a call, unless its port is not served any more. The agent may have
// offered it before it was told so, and whoever waits for the last call to end must
// not overlook it: either it is counted, or the origin gets it.
func (l *Link) begin(servicePort int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.want, servicePort) {
		return false
	}
	l.calls.Add(1)
	return true
}

// codeOf tells the far side why a dial failed.
func codeOf(err error) tunnel.RefuseCode {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return tunnel.RefusedConnection
	case errors.Is(err, syscall.EHOSTUNREACH):
		return tunnel.RefusedUnreachable
	case errors.Is(err, syscall.ENETUNREACH):
		return tunnel.RefusedNoNetwork
	case errors.As(err, &dns):
		return tunnel.RefusedNoSuchHost
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return tunnel.RefusedTimeout
	}
	return tunnel.RefusedInternal
}
