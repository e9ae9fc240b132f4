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
		a.group.Go(func() { a.relay(tcp, p) })
	}
}

// relay serves one call: by the workstation if that takes it, else by the origin;
// each request of it anew where they can be told apart.
//
// Nothing is read from the caller before one of them has accepted. What the
// caller sends meanwhile waits in its socket, without a limit of ours to get
// wrong, and can be handed to the origin without ever being handed out twice:
// an offer that was given up may still reach the workstation, when its tunnel
// comes back, but then as a connection without a byte in it.
func (a *Agent) relay(conn *net.TCPConn, p *port) {
	call := &call{conn: conn, resets: &a.resets}
	kind := carries(p.present())
	if kind == carriesBytes {
		a.calls.begin(call)
		defer a.calls.end(call)
		a.carry(call, p.present())
		return
	}
	c := newConversation(a, call, p, kind == carriesHTTP)
	call.by = c
	a.calls.begin(call)
	defer a.calls.end(call)
	c.run()
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

// carry carries a call by connection. When neither side can be reached the caller
// sees a reset, as of a pod that does not listen.
func (a *Agent) carry(call *call, p control.Port) {
	up := a.reach(call, p, false)
	if up == nil {
		call.cut()
		return
	}
	a.calls.settle(call, up.by)
	if up.by == nil {
		call.carried(tunnel.Splice(call.conn, up.conn))
		return
	}
	up.by.active.Add(1)
	defer up.by.active.Add(-1)
	in, out := call.carried(tunnel.Splice(call.conn, up.conn))
	up.by.in.Add(in)
	up.by.out.Add(out)
}

// reconsider lets go of connections to workstations that do not take requests any
// more, when none is under way on them. It must not be called with a lock held.
func (a *Agent) reconsider() {
	for _, c := range a.calls.which(func(c *call) bool { return c.by != nil }) {
		c.by.reconsider()
	}
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
