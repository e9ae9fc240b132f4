package agent

import (
	"net"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

// upstream is a connection to the side that was chosen. It is of one caller's, and
// at the workstation it has that caller's address.
type upstream struct {
	conn tunnel.Conn
	// session and by are the workstation's, origin is the origin's address.
	session *tunnel.Session
	by      *client
	origin  string
	// instead is the session that did not take the call; it is not asked again before
	// the first request.
	instead *tunnel.Session

	// The rest is of a conversation: the goroutine that carries answers owns src
	// until it has closed done.
	src  source
	done chan struct{}
}

// reach offers a call to the workstation, and connects to the origin when that does
// not take it. nil: neither does.
func (a *Agent) reach(call *call, p control.Port, requests bool) *upstream {
	c, session, gone := a.route(p.ServicePort)
	if session != nil {
		stream, err := a.offer(session, gone, tunnel.Header{Kind: tunnel.KindTCP, Port: p.ServicePort, Source: call.conn.RemoteAddr().String(), Requests: requests})
		if err == nil {
			c.connections.Add(1)
			return &upstream{conn: stream, session: session, by: c}
		}
		a.cfg.Log.Debug("the workstation did not take a call", "port", p.ServicePort, "error", err)
	}
	if c != nil {
		c.origin.Add(1)
	}
	up := a.openOrigin(p)
	if up != nil {
		up.instead = session
	}
	return up
}

func (a *Agent) openOrigin(p control.Port) *upstream {
	dialer := net.Dialer{Timeout: a.cfg.times.origin}
	conn, err := dialer.DialContext(a.ctx, "tcp", p.Origin)
	if err != nil {
		a.cfg.Log.Warn("the origin can't be reached", "port", p.ServicePort, "origin", p.Origin, "error", err)
		return nil
	}
	return &upstream{conn: conn.(*net.TCPConn), origin: p.Origin} //nolint:forcetypeassert // "tcp"
}

// chosen tells whether the next request would go to this side.
func (a *Agent) chosen(up *upstream, p control.Port) bool {
	_, session, _ := a.route(p.ServicePort)
	if up.session == nil {
		return up.origin == p.Origin && (session == nil || session == up.instead)
	}
	return up.session == session
}

// Write counts what the workstation gets.
func (up *upstream) Write(b []byte) (int, error) {
	n, err := up.conn.Write(b)
	if up.by != nil {
		up.by.in.Add(int64(n))
	}
	return n, err
}

// reset ends it at once; the server sees a reset.
func (up *upstream) reset() {
	switch conn := up.conn.(type) {
	case *net.TCPConn:
		_ = conn.SetLinger(0)
		_ = conn.Close()
	case tunnel.Stream:
		_ = conn.Reset()
	}
}

// leave ends it in good order when no request is under way: the server sees an end,
// and gets a moment for its own.
func (a *Agent) leave(up *upstream) {
	a.group.Go(func() {
		_ = up.conn.SetWriteDeadline(time.Now().Add(a.cfg.times.part))
		_ = up.conn.CloseWrite()
		if up.done != nil {
			timer := time.NewTimer(a.cfg.times.part)
			defer timer.Stop()
			select {
			case <-up.done:
			case <-timer.C:
			}
		}
		_ = up.conn.Close()
	})
}
