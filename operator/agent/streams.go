package agent

import (
	"net"
	"net/http"
	"sync"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// maxStreams is how many requests a caller may have under way on one connection. It has to
// be said before a side is chosen, so it can't be the side's own: where that takes fewer,
// the transport opens more connections to it. Servers have 100 to 250 as a rule; but who
// has streams that stay may have many. What bounds it is memory, and that net/http ends a
// connection whose reset requests it can't keep up with only by this number.
const maxStreams = 1000

// What a caller may send ahead of who reads it: in one stream, and in all of a connection,
// so that streams which nobody reads hold no other back. The transports have such windows
// of themselves.
const (
	streamWindow = 1 << 20
	callerWindow = 64 << 20
)

// streams is one caller's connection of HTTP/2 by cleartext, with prior knowledge.
// net/http speaks it to both sides; the side is chosen for each stream. Its goroutines
// are net/http's, but for those that read uploads: they end with the caller's connection,
// which run waits for, and with the transports' connections, which run closes, and
// reconsider when their workstation does not take requests any more.
type streams struct {
	agent *Agent
	call  *call
	port  *port

	server *http.Server
	codes  codes
	away   sync.Once
	ended  chan struct{} // the caller's connection was closed

	handlers sync.WaitGroup

	mu    sync.Mutex
	sides map[*tunnel.Session]*side // nil: the origin's
	first *upstream                 // that was open when the caller began to speak
	over  bool
}

func newStreams(a *Agent, call *call, p *port) *streams {
	s := &streams{
		agent: a, call: call, port: p, ended: make(chan struct{}),
		sides: map[*tunnel.Session]*side{},
	}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	s.server = &http.Server{
		Handler: s, Protocols: &protocols, ErrorLog: quiet,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:      maxStreams,
			MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: callerWindow,
		},
	}
	return s
}

// run serves the caller, of whom some bytes were read, until its connection ends.
func (s *streams) run(read []byte) {
	l := &oneConn{conn: newCallerConn(s.call.conn, read, s), closed: s.ended, early: make(chan struct{})}
	_ = s.server.Serve(l) // until its end, or until it is sent away
	<-s.ended
	_ = s.server.Close()
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.handlers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first != nil {
		s.agent.leave(s.first)
		s.first = nil
	}
	for _, to := range s.sides {
		to.retire()
	}
}

// starts tells whether a request may begin.
func (s *streams) starts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.handlers.Add(1)
	}
	return !s.over
}

// oneConn is a listener of one connection, closed with it or before.
type oneConn struct {
	conn   net.Conn
	closed chan struct{} // with the connection
	early  chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	select {
	case <-l.closed:
	case <-l.early:
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.early) })
	return nil
}

// callerConn tells its end, and numbers requests. net/http reads it by one goroutine at
// a time, and writes it by one.
type callerConn struct {
	net.Conn
	numbers numbers
	given   int // of what is numbered
	codes   *codes
	once    sync.Once
	ended   chan struct{}
}

func newCallerConn(conn net.Conn, read []byte, s *streams) *callerConn {
	c := &callerConn{Conn: conn, codes: &s.codes, ended: s.ended}
	c.numbers.preface = len(preface)
	c.numbers.pass(read)
	return c
}

func (c *callerConn) Read(b []byte) (int, error) {
	if c.given == len(c.numbers.out) {
		c.given, c.numbers.out = 0, c.numbers.out[:0]
	}
	for len(c.numbers.out) == 0 {
		n, err := c.Conn.Read(b)
		if c.numbers.pass(b[:n]); err != nil && len(c.numbers.out) == 0 {
			return 0, err // else it comes again
		}
	}
	n := copy(b, c.numbers.out[c.given:])
	c.given += n
	return n, nil
}

func (c *callerConn) Write(b []byte) (int, error) { return c.Conn.Write(c.codes.pass(b)) }

func (c *callerConn) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

// begin gives the side that is chosen now, with one more request under way there, which
// keeps it from being let go of; end ends that.
func (s *streams) begin(origin bool) *side {
	c, session, gone := s.agent.route(s.port.present().ServicePort)
	if origin {
		session = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	to := s.sides[session]
	if to == nil {
		to = s.newSide(c, session, gone)
		s.sides[session] = to
	}
	to.active++
	if to.by != nil {
		to.by.requests.Add(1)
		to.by.active.Add(1)
	}
	s.settle()
	return to
}

func (s *streams) end(to *side) {
	s.mu.Lock()
	to.active--
	if to.by != nil {
		to.by.active.Add(-1)
	}
	s.settle()
	s.mu.Unlock()
	s.reconsider()
}

// nowhere ends the caller's connection by a reset, as of a pod that does not listen,
// unless it has other requests under way: those are not that pod's.
func (s *streams) nowhere() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.sides {
		if to.active > 0 {
			return
		}
	}
	s.call.reset()
}

// settle tells whether a workstation has something of this call; the lock is held.
func (s *streams) settle() {
	var by *client
	for _, to := range s.sides {
		if to.by != nil && to.active > 0 {
			by = to.by
		}
	}
	s.agent.calls.settle(s.call, by)
}

// reconsider closes what rests of workstations that do not take requests any more.
func (s *streams) reconsider() {
	_, session, _ := s.agent.route(s.port.present().ServicePort)
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, to := range s.sides {
		if key == nil || key == session {
			continue
		}
		if to.retire(); to.active == 0 {
			delete(s.sides, key)
		}
	}
	if s.first != nil && s.first.session != nil && s.first.session != session {
		s.agent.leave(s.first)
		s.first = nil
	}
}

// part sends the caller away: it makes no more requests here, those under way end well.
func (s *streams) part() {
	s.away.Do(func() {
		s.agent.group.Go(func() { _ = s.server.Shutdown(s.agent.ctx) })
	})
}
