package tunnel

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// UpgradeProtocol is the name by which an HTTP/1.1 connection becomes a transport
// (RFC 9110, section 7.8): so a tunnel can go through the API server's proxy to a pod.
const UpgradeProtocol = "kubetunnel"

// upgradeListener accepts the connections of l that were upgraded. Goroutines: the
// HTTP server's accept loop and one per connection until it is upgraded, all ended by Close.
type upgradeListener struct {
	net.Listener
	server   *http.Server
	door     *Door // for connections that are not upgraded yet
	upgraded chan net.Conn
	once     sync.Once
	done     chan struct{}
	serving  sync.WaitGroup // the accept loop,
	asking   sync.WaitGroup // and connections that are not upgraded
	failed   error          // set before failure is closed
	failure  chan struct{}
}

// UpgradeListener serves HTTP/1.1 on l and gives the connections that ask for
// UpgradeProtocol. Everything else is told 426 Upgrade Required. It owns l.
func UpgradeListener(l net.Listener) net.Listener {
	u := &upgradeListener{
		Listener: l, door: NewDoor(maxGreeting), upgraded: make(chan net.Conn), done: make(chan struct{}), failure: make(chan struct{}),
	}
	u.server = &http.Server{
		Handler: u, ConnState: u.count, MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: handshakeTimeout, ReadTimeout: handshakeTimeout, WriteTimeout: handshakeTimeout,
	}
	// Who has not asked for the upgrade need not stay.
	u.server.SetKeepAlivesEnabled(false)
	u.serving.Go(func() {
		u.failed = u.server.Serve(l)
		close(u.failure)
	})
	return u
}

func (u *upgradeListener) count(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		u.asking.Add(1)
		u.door.Enter(conn)
	case http.StateHijacked, http.StateClosed:
		u.door.Leave(conn)
		u.asking.Done()
	default:
	}
}

// ServeHTTP upgrades a connection.
func (u *upgradeListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hijacker, can := w.(http.Hijacker)
	if r.Header.Get("Upgrade") != UpgradeProtocol || !can {
		w.Header().Set("Upgrade", UpgradeProtocol)
		http.Error(w, "this port takes tunnels of KubeTunnel, by HTTP upgrade", http.StatusUpgradeRequired)
		return
	}
	conn, rw, err := hijacker.Hijack()
	if err != nil {
		return
	}
	// A client speaks after the answer only: what comes before is no tunnel's.
	if rw.Reader.Buffered() > 0 || conn.SetDeadline(time.Time{}) != nil || !answerUpgrade(conn) {
		_ = conn.Close()
		return
	}
	select {
	case u.upgraded <- conn:
	case <-u.done:
		_ = conn.Close()
	}
}

func answerUpgrade(conn net.Conn) bool {
	_, err := conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + UpgradeProtocol + "\r\n\r\n"))
	return err == nil
}

// Accept waits for the next upgraded connection.
func (u *upgradeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-u.upgraded:
		return conn, nil
	case <-u.done:
		return nil, net.ErrClosed
	case <-u.failure:
		return nil, u.failed
	}
}

// Close ends the listener and what is not upgraded yet; it may be called twice.
func (u *upgradeListener) Close() error {
	var err error
	u.once.Do(func() {
		close(u.done)
		err = u.server.Close()
		u.serving.Wait()
		u.asking.Wait()
	})
	return err
}
