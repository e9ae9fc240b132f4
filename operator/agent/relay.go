package agent

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// acceptPause is how long accepting rests when the process has run out of descriptors.
const acceptPause = 20 * time.Millisecond

// acceptCalls takes callers until the listener is closed.
func (a *Agent) acceptCalls(l net.Listener, p *port) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			a.cfg.Log.Warn("accept", "error", err)
			pause(a.ctx, acceptPause)
			continue
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			_ = conn.Close()
			continue
		}
		a.group.Go(func() { a.relay(tcp, p.present()) })
	}
}

// relay serves one call: by the workstation if that takes it, else by the origin.
//
// Nothing is read from the caller before the workstation has accepted. What the
// caller sends meanwhile waits in its socket, without a limit of ours to get
// wrong, and can be handed to the origin without ever being handed out twice:
// an offer that was given up may still reach the workstation, when its tunnel
// comes back, but then as a connection without a byte in it.
func (a *Agent) relay(conn *net.TCPConn, p control.Port) {
	call := a.calls.begin(conn)
	defer a.calls.end(call)
	c, session, gone := a.route(p.ServicePort)
	if session != nil {
		stream, err := a.offer(session, gone, tunnel.Header{Kind: tunnel.KindTCP, Port: p.ServicePort, Source: conn.RemoteAddr().String()})
		if err == nil {
			a.toWorkstation(call, c, stream)
			return
		}
		a.cfg.Log.Debug("the workstation did not take a call", "port", p.ServicePort, "error", err)
	}
	if c != nil {
		c.origin.Add(1)
	}
	a.toOrigin(call, p)
}

var (
	errSlow     = errors.New("it has not answered in time")
	errDetached = errors.New("it can't be reached any more")
)

// offer asks the workstation to take a call. Opening a stream may wait for room
// in the tunnel, so it is done by a goroutine that outlives an offer which is given up.
func (a *Agent) offer(session *tunnel.Session, gone <-chan struct{}, h tunnel.Header) (tunnel.Stream, error) {
	ctx, cancel := context.WithTimeoutCause(a.ctx, a.cfg.times.accept, errSlow)
	defer cancel()
	type answer struct {
		stream tunnel.Stream
		err    error
	}
	answers := make(chan answer)
	a.group.Go(func() {
		stream, err := session.Open(ctx, h)
		if err == nil {
			err = stream.Accepted(ctx)
		}
		select {
		case answers <- answer{stream, err}:
			if err == nil {
				return
			}
		case <-ctx.Done():
		}
		if stream != nil {
			_ = stream.Reset()
		}
	})
	select {
	case r := <-answers:
		return r.stream, r.err
	case <-gone:
		return nil, errDetached
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// toWorkstation carries a call that the workstation has accepted, to its end.
func (a *Agent) toWorkstation(call *call, c *client, stream tunnel.Stream) {
	c.connections.Add(1)
	c.active.Add(1)
	defer c.active.Add(-1)
	a.calls.settle(call, c)
	in, out := tunnel.Splice(call.conn, stream)
	c.in.Add(in)
	c.out.Add(out)
}

// toOrigin hands a call to the origin. When that can't be reached the caller sees
// a reset, as of a pod that does not listen.
func (a *Agent) toOrigin(call *call, p control.Port) {
	dialer := net.Dialer{Timeout: a.cfg.times.origin}
	origin, err := dialer.DialContext(a.ctx, "tcp", p.Origin)
	if err != nil {
		a.cfg.Log.Warn("the origin can't be reached", "port", p.ServicePort, "origin", p.Origin, "error", err)
		call.cut()
		return
	}
	a.calls.settle(call, nil)
	tunnel.Splice(call.conn, origin)
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
