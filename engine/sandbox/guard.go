package sandbox

import (
	"log/slog"
	"net"
)

// guarded takes connections of this user's own programs only: the ways into the
// cluster are this user's, and a loopback port is open to everybody on the machine.
type guarded struct {
	net.Listener
	log *slog.Logger
}

func (g guarded) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || peerAllowed(conn) {
			return conn, err
		}
		g.log.Warn("another user's program was refused", "peer", conn.RemoteAddr(), "listener", conn.LocalAddr())
		resetConn(conn)
	}
}
