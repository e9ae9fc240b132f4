package tunnel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server and what is needed to dial it.
type world struct {
	t         testing.TB
	serverKey PrivateKey
	clientKey PrivateKey
	server    *Server
	addr      string
	sessions  chan *Session
	allowed   sync.Map // PublicKey → Config
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	w := &world{t: t, serverKey: mustKey(t), clientKey: mustKey(t), sessions: make(chan *Session, 16)}
	w.allowed.Store(w.clientKey.Public(), cfg)
	w.server = NewServer(ServerConfig{
		Key: w.serverKey,
		Authorize: func(k PublicKey) (Config, error) {
			if c, ok := w.allowed.Load(k); ok {
				return c.(Config), nil
			}
			return Config{}, errors.New("not allowed")
		},
		OnSession: func(s *Session) { w.sessions <- s },
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(l) }()
	t.Cleanup(func() {
		_ = w.server.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return w
}

func mustKey(t testing.TB) PrivateKey {
	t.Helper()
	k, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) dialTCP(ctx context.Context) (io.ReadWriteCloser, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", w.addr)
}

func (w *world) connect(cfg ClientConfig) (*Session, error) {
	if cfg.Dial == nil {
		cfg.Dial = w.dialTCP
	}
	if cfg.Peer == "" {
		cfg.Peer = w.serverKey.Public()
	}
	if cfg.Key.raw == nil {
		cfg.Key = w.clientKey
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return Dial(ctx, cfg)
}

func (w *world) mustConnect(cfg ClientConfig) *Session {
	w.t.Helper()
	s, err := w.connect(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	return s
}

// echo accepts a stream and sends back what comes.
func echo(_ context.Context, s Stream) {
	defer func() { _ = s.Close() }()
	if s.Accept() != nil {
		return
	}
	if _, err := io.Copy(s, s); err == nil {
		_ = s.CloseWrite()
		_, _ = io.Copy(io.Discard, s)
	}
}

// roundTrip sends size random bytes through an echo and compares what comes back.
func roundTrip(ctx context.Context, s *Session, seed, size int) error {
	st, err := s.Open(ctx, Header{Kind: KindTCP, Port: int32(seed)})
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	source := rand.New(rand.NewPCG(uint64(seed), 7))
	sent := sha256.New()
	done := make(chan error, 1)
	go func() {
		for left := size; left > 0; {
			b := make([]byte, min(left, 1+source.IntN(40_000)))
			for i := range b {
				b[i] = byte(source.Uint32())
			}
			left -= len(b)
			sent.Write(b)
			if _, err := st.Write(b); err != nil {
				done <- err
				return
			}
		}
		done <- st.CloseWrite()
	}()
	got := sha256.New()
	n, err := io.Copy(got, st)
	if werr := <-done; werr != nil || err != nil {
		return fmt.Errorf("write: %w, read: %w", werr, err)
	}
	if int(n) != size || !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		return fmt.Errorf("%d bytes came back of %d, or others", n, size)
	}
	return nil
}

// tcpPair is two ends of a connection over the loopback.
func tcpPair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// gate is a transport that can be told to pass nothing, without being closed.
type gate struct {
	io.ReadWriteCloser
	shut *sync.RWMutex
}

func newGate(conn io.ReadWriteCloser) gate { return gate{conn, &sync.RWMutex{}} }

func (g gate) Write(p []byte) (int, error) {
	g.shut.RLock()
	defer g.shut.RUnlock()
	return g.ReadWriteCloser.Write(p)
}

func (g gate) Read(p []byte) (int, error) {
	n, err := g.ReadWriteCloser.Read(p)
	g.shut.RLock()
	defer g.shut.RUnlock()
	return n, err
}

// switchboard is a dialer whose transports can be cut and refused.
type switchboard struct {
	w      *world
	mu     sync.Mutex
	down   bool
	latest io.ReadWriteCloser
	wrap   func(io.ReadWriteCloser) io.ReadWriteCloser
}

func (b *switchboard) dial(ctx context.Context) (io.ReadWriteCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return nil, errors.New("no way there")
	}
	conn, err := b.w.dialTCP(ctx)
	if err == nil && b.wrap != nil {
		conn = b.wrap(conn)
	}
	b.latest = conn
	return conn, err
}

// cut ends the present transport; there is no other until mend.
func (b *switchboard) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = true
	_ = b.latest.Close()
}

func (b *switchboard) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = false
}

// opened opens a stream that is closed with the test.
func opened(t testing.TB, s *Session, h Header) Stream {
	t.Helper()
	st, err := s.Open(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// states collects what OnAttached is told.
type states chan bool

func (s states) want(t *testing.T, attached bool) {
	t.Helper()
	select {
	case got := <-s:
		if got != attached {
			t.Fatalf("attached: %v, want %v", got, attached)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("never told attached: %v", attached)
	}
}
