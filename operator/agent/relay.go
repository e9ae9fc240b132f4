package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
	"github.com/kubetunnel/kubetunnel/operator/control"
)

const (
	// acceptTimeout is how long an attached workstation may take to accept a call.
	acceptTimeout = 2 * time.Second
	// originTimeout bounds the dial to the origin.
	originTimeout = 5 * time.Second
	// earlyLimit bounds what is kept of a caller's bytes until the workstation has accepted.
	earlyLimit = 256 << 10
)

// relay serves one caller's connection: by the workstation if that takes it, else by the origin.
func (a *Agent) relay(conn *net.TCPConn, p control.Port) {
	untrack := a.conns.track(conn)
	defer untrack()
	var early []byte
	c, session := a.route(p.ServicePort)
	if session != nil {
		done, kept := a.toWorkstation(conn, p, c, session)
		if done {
			return
		}
		early = kept
	}
	if c != nil {
		c.origin.Add(1)
	}
	a.toOrigin(conn, p, early)
}

// route gives the client of a Service port, and its session if it takes calls now.
func (a *Agent) route(servicePort int32) (*client, *tunnel.Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var first *client
	for _, info := range a.desired.Clients {
		c := a.clients[info.Key]
		if c == nil {
			continue
		}
		if first == nil {
			first = c
		}
		if a.drain != nil {
			continue
		}
		if session := c.takes(servicePort); session != nil {
			return c, session
		}
	}
	return first, nil
}

// toWorkstation offers a connection to the workstation. If that has not taken it,
// the bytes that the caller has sent meanwhile are given back for the origin.
func (a *Agent) toWorkstation(conn *net.TCPConn, p control.Port, c *client, session *tunnel.Session) (done bool, early []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), acceptTimeout)
	defer cancel()
	stream, err := session.Open(ctx, tunnel.Header{Kind: tunnel.KindTCP, Port: p.ServicePort, Source: conn.RemoteAddr().String()})
	if err != nil {
		return false, nil
	}
	e := newEarly(conn, stream)
	err = stream.Accepted(ctx)
	if err != nil {
		_ = stream.Reset()
	}
	kept, callerErr := e.stop()
	if err != nil {
		a.cfg.Log.Debug("the workstation did not take a call", "port", p.ServicePort, "error", err)
		if callerErr != nil {
			_ = conn.Close()
			return true, nil
		}
		return false, kept
	}
	c.connections.Add(1)
	c.active.Add(1)
	defer c.active.Add(-1)
	if callerErr != nil {
		_ = stream.Reset()
		_ = conn.Close()
		return true, nil
	}
	in, out := tunnel.Splice(conn, stream)
	c.in.Add(in + int64(len(kept)))
	c.out.Add(out)
	return true, nil
}

// early passes a caller's first bytes on and keeps them, until stop. Its
// goroutine reads from the caller; it ends by stop, the caller's end, or a full buffer.
type early struct {
	conn *net.TCPConn
	done chan struct{}
	kept []byte
	err  error
}

func newEarly(conn *net.TCPConn, stream tunnel.Stream) *early {
	e := &early{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		buf := make([]byte, 16<<10)
		for len(e.kept) < earlyLimit {
			n, err := conn.Read(buf)
			e.kept = append(e.kept, buf[:n]...)
			if n > 0 {
				if _, werr := stream.Write(buf[:n]); werr != nil {
					return // the answer says why
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
					e.err = err
				}
				return
			}
		}
	}()
	return e
}

// stop ends the reading; the connection can be read on by others.
func (e *early) stop() (kept []byte, callerErr error) {
	_ = e.conn.SetReadDeadline(time.Unix(1, 0))
	<-e.done
	_ = e.conn.SetReadDeadline(time.Time{})
	return e.kept, e.err
}

// toOrigin hands a connection, and what the caller has sent, to the origin. When
// that can't be reached the caller sees a reset, as of a pod that is gone.
func (a *Agent) toOrigin(conn *net.TCPConn, p control.Port, early []byte) {
	origin, err := net.DialTimeout("tcp", p.Origin, originTimeout)
	if err == nil && len(early) > 0 {
		_, err = origin.Write(early)
	}
	if err != nil {
		a.cfg.Log.Warn("origin", "port", p.ServicePort, "error", err)
		if origin != nil {
			_ = origin.Close()
		}
		_ = conn.SetLinger(0)
		_ = conn.Close()
		return
	}
	defer a.conns.track(origin)()
	tunnel.Splice(conn, origin)
}
