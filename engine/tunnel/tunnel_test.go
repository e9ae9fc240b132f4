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
	"sync/atomic"
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

func TestStreamCarriesBytesBothWaysAndItsHeader(t *testing.T) {
	headers := make(chan Header, 1)
	w := newWorld(t, Config{Handler: func(ctx context.Context, s Stream) { headers <- s.Header(); echo(ctx, s) }})
	s := w.mustConnect(ClientConfig{})
	st, err := s.Open(t.Context(), Header{Kind: KindTCP, Port: 80, Source: "10.0.0.1:5"})
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789"), 100_000)
	go func() {
		_, _ = st.Write(want)
		_ = st.CloseWrite()
	}()
	got, err := io.ReadAll(st)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes of %d, %v", len(got), len(want), err)
	}
	if err := st.Accepted(t.Context()); err != nil {
		t.Error(err)
	}
	if h := <-headers; h.Port != 80 || h.Source != "10.0.0.1:5" {
		t.Errorf("header: %+v", h)
	}
	_ = st.Close()
}

func TestRefusalReachesTheOpenerWithItsReason(t *testing.T) {
	w := newWorld(t, Config{Handler: func(_ context.Context, s Stream) { _ = s.Refuse(RefusedConnection, "nobody listens") }})
	s := w.mustConnect(ClientConfig{})
	st, err := s.Open(t.Context(), Header{Kind: KindTCP})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = st.Write([]byte("early"))
	var refused *RefusedError
	if err := st.Accepted(t.Context()); !errors.As(err, &refused) || refused.Code != RefusedConnection {
		t.Errorf("got %v", err)
	}
	if _, err := st.Read(make([]byte, 1)); !errors.As(err, &refused) {
		t.Errorf("read: %v", err)
	}
	_ = st.Close()
}

func TestCloseWithoutEndIsSeenAsReset(t *testing.T) {
	w := newWorld(t, Config{Handler: func(_ context.Context, s Stream) {
		_ = s.Accept()
		_, _ = s.Write([]byte("half"))
		_ = s.Close()
	}})
	s := w.mustConnect(ClientConfig{})
	st, err := s.Open(t.Context(), Header{Kind: KindTCP})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(st)
	if string(got) != "half" || !errors.Is(err, ErrReset) {
		t.Errorf("got %q, %v", got, err)
	}
	_ = st.Close()
}

func TestKeysThatAreNotPinnedAreRefused(t *testing.T) {
	w := newWorld(t, Config{})
	other := newWorld(t, Config{})
	for name, cfg := range map[string]ClientConfig{
		"unknown client":             {Key: mustKey(t)},
		"another intercept's client": {Key: other.clientKey},
		"wrong server":               {Peer: other.serverKey.Public()},
	} {
		t.Run(name, func(t *testing.T) {
			var refused *UnauthorizedError
			if s, err := w.connect(cfg); err == nil {
				_ = s.Close()
				t.Error("it was taken")
			} else if !errors.As(err, &refused) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWithdrawnKeyLosesItsSessionAndCannotComeBack(t *testing.T) {
	w := newWorld(t, Config{})
	s := w.mustConnect(ClientConfig{})
	w.allowed.Delete(w.clientKey.Public())
	w.server.Withdraw(w.clientKey.Public())
	<-s.Done()
	var refused *UnauthorizedError
	if _, err := w.connect(ClientConfig{}); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestGoodbyeEndsTheFarSideAtOnce(t *testing.T) {
	w := newWorld(t, Config{})
	s := w.mustConnect(ClientConfig{})
	far := <-w.sessions
	_ = s.Close()
	<-far.Done()
	if !errors.Is(far.Err(), ErrClosed) {
		t.Errorf("got %v", far.Err())
	}
}

// fragile is a transport that dies after a number of bytes in either direction.
type fragile struct {
	io.ReadWriteCloser
	left *atomic.Int64
}

func (f fragile) spend(n int) error {
	if f.left.Add(-int64(n)) < 0 {
		_ = f.Close()
		return errors.New("cut")
	}
	return nil
}

func (f fragile) Read(p []byte) (int, error) {
	n, err := f.ReadWriteCloser.Read(p[:1+rand.IntN(len(p))])
	if cut := f.spend(n); cut != nil && err == nil {
		return 0, cut
	}
	return n, err
}

func (f fragile) Write(p []byte) (int, error) {
	if err := f.spend(len(p)); err != nil {
		n := rand.IntN(len(p) + 1)
		_, _ = f.ReadWriteCloser.Write(p[:n]) // part of it may still get through
		return n, err
	}
	return f.ReadWriteCloser.Write(p)
}

func TestEveryByteArrivesOnceAndInOrderWhateverTransportsDie(t *testing.T) {
	const streams, size = 24, 300_000
	w := newWorld(t, Config{Handler: echo})
	var dials atomic.Int64
	s := w.mustConnect(ClientConfig{Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
		conn, err := w.dialTCP(ctx)
		if err != nil {
			return nil, err
		}
		left := &atomic.Int64{}
		left.Store(1_000_000) // enough for the handshake
		if dials.Add(1) > 1 {
			left.Store(int64(200 + rand.IntN(600_000)))
		}
		return fragile{conn, left}, nil
	}})
	var group sync.WaitGroup
	for i := range streams {
		group.Go(func() {
			if err := roundTrip(t.Context(), s, i, size); err != nil {
				t.Errorf("stream %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if dials.Load() < 5 {
		t.Errorf("only %d transports were used: nothing was cut", dials.Load())
	}
	t.Logf("%d transports", dials.Load())
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

// stalled is a transport that can stop passing bytes without being closed.
type stalled struct {
	io.ReadWriteCloser
	gate *sync.RWMutex
}

func (s stalled) Write(p []byte) (int, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.ReadWriteCloser.Write(p)
}

func TestSilenceIsSeenAndTheSessionGoesOnWithItsStreams(t *testing.T) {
	quick := Config{Heartbeat: 20 * time.Millisecond, Silence: 200 * time.Millisecond}
	server := Config{Handler: echo}
	w := newWorld(t, server)
	gates := make(chan *sync.RWMutex, 100)
	states := make(chan bool, 100)
	quick.OnAttached = func(attached bool) { states <- attached }
	s := w.mustConnect(ClientConfig{Config: quick, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
		conn, err := w.dialTCP(ctx)
		gate := &sync.RWMutex{}
		gates <- gate
		return stalled{silent{conn, gate}, gate}, err
	}})
	st, err := s.Open(t.Context(), Header{Kind: KindTCP})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	if !<-states {
		t.Fatal("not attached at first")
	}
	gate := <-gates
	gate.Lock() // nothing passes any more, in either direction
	if <-states {
		t.Fatal("silence was not seen")
	}
	gate.Unlock()
	if !<-states {
		t.Fatal("did not come back")
	}
	if _, err := st.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if _, err := io.ReadFull(st, b); err != nil || string(b) != "still here" {
		t.Fatalf("%q, %v", b, err)
	}
}

// silent holds back what comes in while its gate is shut.
type silent struct {
	io.ReadWriteCloser
	gate *sync.RWMutex
}

func (s silent) Read(p []byte) (int, error) {
	n, err := s.ReadWriteCloser.Read(p)
	s.gate.RLock()
	defer s.gate.RUnlock()
	return n, err
}

func TestSessionIsAbandonedWhenNobodyComesBack(t *testing.T) {
	w := newWorld(t, Config{Abandon: 50 * time.Millisecond})
	var first atomic.Pointer[net.Conn]
	s := w.mustConnect(ClientConfig{Config: Config{Abandon: 50 * time.Millisecond}, Dial: func(ctx context.Context) (io.ReadWriteCloser, error) {
		if first.Load() != nil {
			return nil, errors.New("no way")
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", w.addr)
		first.Store(&conn)
		return conn, err
	}})
	far := <-w.sessions
	_ = (*first.Load()).Close()
	<-s.Done()
	<-far.Done()
	if !errors.Is(s.Err(), ErrAbandoned) || !errors.Is(far.Err(), ErrAbandoned) {
		t.Errorf("got %v and %v", s.Err(), far.Err())
	}
}

func TestResumeWithoutTheSecretIsRefusedAndHarmless(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	s := w.mustConnect(ClientConfig{})
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	h := hello{major: versionMajor, id: s.pipe.id}
	greeting, err := greet(conn, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prove(conn, []byte("guess"), h, greeting); err == nil {
		t.Fatal("a guess was taken for the secret")
	}
	if !s.Attached() {
		t.Error("the attempt cut the true client off")
	}
	if err := roundTrip(t.Context(), s, 1, 1000); err != nil {
		t.Error(err)
	}
}

func TestOtherMajorVersionIsRefusedByNumber(t *testing.T) {
	w := newWorld(t, Config{})
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var version *VersionError
	if _, err := greet(conn, hello{major: 99}); !errors.As(err, &version) {
		t.Errorf("got %v", err)
	}
}

func TestSlowReaderDoesNotHoldUpOtherStreams(t *testing.T) {
	w := newWorld(t, Config{Handler: echo})
	s := w.mustConnect(ClientConfig{})
	slow, err := s.Open(t.Context(), Header{Kind: KindTCP})
	if err != nil {
		t.Fatal(err)
	}
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		_, _ = slow.Write(make([]byte, 64<<20)) // the echo comes back and is not read
	}()
	for i := range 20 {
		if err := roundTrip(t.Context(), s, i, 50_000); err != nil {
			t.Fatal(err)
		}
	}
	_ = slow.Close()
	<-blocked
}
