package agent

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// side is a transport to one side; its connections are this caller's. The lock of its
// streams guards what changes.
type side struct {
	transport *http.Transport
	session   *tunnel.Session
	by        *client
	active    int // requests under way
	conns     map[*upstreamConn]struct{}
}

var (
	// errNotTaken: no byte of the request has left.
	errNotTaken = errors.New("the workstation did not take it")
	errNowhere  = errors.New("the origin can't be reached")
)

func (s *streams) dialWorkstation(to *side, gone <-chan struct{}) (*upstream, error) {
	if up := s.takeFirst(to.session); up != nil {
		return up, nil
	}
	h := tunnel.Header{Kind: tunnel.KindTCP, Port: s.port.present().ServicePort, Source: s.call.conn.RemoteAddr().String(), Requests: true}
	stream, err := s.agent.offer(to.session, gone, h)
	if err != nil {
		return nil, errors.Join(errNotTaken, err)
	}
	to.by.connections.Add(1)
	return &upstream{conn: stream, session: to.session, by: to.by}, nil
}

func (s *streams) dialOrigin(context.Context) (*upstream, error) {
	if up := s.takeFirst(nil); up != nil {
		return up, nil
	}
	up := s.agent.openOrigin(s.port.present())
	if up == nil {
		return nil, errNowhere
	}
	return up, nil
}

// takeFirst gives the connection that was there before the first request.
func (s *streams) takeFirst(session *tunnel.Session) *upstream {
	s.mu.Lock()
	defer s.mu.Unlock()
	up := s.first
	if up == nil {
		return nil
	}
	s.first = nil
	if up.session != session {
		s.agent.leave(up)
		return nil
	}
	return up
}

// newSide makes the side of a client's session, or the origin's; the lock is held.
func (s *streams) newSide(c *client, session *tunnel.Session, gone <-chan struct{}) *side {
	made := &side{session: session, conns: map[*upstreamConn]struct{}{}}
	dial := s.dialOrigin
	if session == nil && c != nil {
		c.origin.Add(1)
	}
	if session != nil {
		made.by = c
		dial = func(context.Context) (*upstream, error) { return s.dialWorkstation(made, gone) }
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	made.transport = &http.Transport{
		Protocols: &protocols, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			up, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return s.adopt(made, up)
		},
	}
	return made
}

// adopt makes a connection one of a side's. One that comes when the side was let go of,
// or with all of this, is of no use: who asked for it has gone.
func (s *streams) adopt(to *side, up *upstream) (net.Conn, error) {
	up.done = make(chan struct{})
	conn := &upstreamConn{Conn: up.conn, up: up, agent: s.agent, rest: up.src.pending()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		up.reset()
		return nil, net.ErrClosed
	}
	if s.sides[to.session] != to {
		s.agent.leave(up)
		return nil, net.ErrClosed
	}
	to.conns[conn] = struct{}{}
	return conn, nil
}

// retire closes a side's connections when nothing is under way on them. net/http's own
// word for that would overlook one whose last request has ended this moment.
func (to *side) retire() {
	if to.active > 0 {
		return
	}
	for conn := range to.conns {
		conn.leave()
	}
	clear(to.conns)
}

// upstreamConn counts what the workstation gets and says, and ends in good order.
type upstreamConn struct {
	net.Conn
	up    *upstream
	agent *Agent
	rest  []byte // read before

	answers     answers
	ended, left sync.Once
}

func (c *upstreamConn) Read(b []byte) (n int, err error) {
	if len(c.rest) > 0 {
		n = copy(b, c.rest)
		c.rest = c.rest[n:]
	} else {
		n, err = c.Conn.Read(b)
	}
	c.answers.pass(b[:n])
	if c.up.by != nil {
		c.up.by.out.Add(int64(n))
	}
	if err != nil {
		c.ended.Do(func() { close(c.up.done) })
	}
	return n, err
}

func (c *upstreamConn) Write(b []byte) (int, error) { return c.up.Write(b) }

// Close is net/http's, of what is of no use any more.
func (c *upstreamConn) Close() error {
	c.leave()
	return nil
}

func (c *upstreamConn) leave() { c.left.Do(func() { c.agent.leave(c.up) }) }
