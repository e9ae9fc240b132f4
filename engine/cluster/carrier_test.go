package cluster

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeConn tells when it is closed.
type fakeConn struct {
	io.ReadWriteCloser
	closed chan struct{}
}

func newConn() *fakeConn { return &fakeConn{closed: make(chan struct{})} }

func (c *fakeConn) Close() error {
	close(c.closed)
	return nil
}

func TestRaceTakesTheFirstThatIsThereAndClosesTheOther(t *testing.T) {
	refused, forbidden := errors.New("refused"), errors.New("forbidden")
	never := func(ctx context.Context) (io.ReadWriteCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	gives := func(c *fakeConn) carrier {
		return func(context.Context) (io.ReadWriteCloser, error) { return c, nil }
	}
	fails := func(err error) carrier {
		return func(context.Context) (io.ReadWriteCloser, error) { return nil, err }
	}
	one, two := newConn(), newConn()
	for _, c := range []struct {
		name          string
		head          time.Duration
		first, second carrier
		conn          *fakeConn
		wasSecond     bool
		err           error
	}{
		{"first at once", time.Hour, gives(one), fails(refused), one, false, nil},
		{"second when first fails, without waiting for its head start", time.Hour, fails(refused), gives(two), two, true, nil},
		{"second when first hangs", time.Millisecond, never, gives(two), two, true, nil},
		{"first when second fails", time.Millisecond, later(one), fails(refused), one, false, nil},
		{"both fail: the second's error", time.Hour, fails(refused), fails(forbidden), nil, true, forbidden},
		{"both fail, the first later", time.Millisecond, laterError(refused), fails(forbidden), nil, true, forbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, second, err := race(t.Context(), c.head, c.first, c.second)
			if !errors.Is(err, c.err) || err == nil && (conn != io.ReadWriteCloser(c.conn) || second != c.wasSecond) {
				t.Errorf("%v, second %v, %v", conn, second, err)
			}
		})
	}
}

// later gives a conn after second had its chance.
func later(c *fakeConn) carrier {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
			return c, nil
		}
	}
}

func laterError(err error) carrier {
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
			return nil, err
		}
	}
}

func TestRaceClosesWhoeverComesLate(t *testing.T) {
	late, now := newConn(), newConn()
	begun := make(chan struct{})
	conn, _, err := race(t.Context(), time.Millisecond, func(ctx context.Context) (io.ReadWriteCloser, error) {
		close(begun)
		<-ctx.Done() // too late to be of use, and not aware of it
		return late, nil
	}, func(context.Context) (io.ReadWriteCloser, error) {
		<-begun
		return now, nil
	})
	if err != nil || conn != io.ReadWriteCloser(now) {
		// The first one's context ends when the race is over.
		t.Fatalf("%v, %v", conn, err)
	}
	<-late.closed
}

func TestRaceEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	late := newConn()
	hang := func(ctx context.Context) (io.ReadWriteCloser, error) {
		cancel()
		<-ctx.Done()
		return late, nil
	}
	if _, _, err := race(ctx, time.Hour, hang, hang); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
	<-late.closed
}

// TestUpgradeOutlivesItsContext: the context bounds the dial alone.
func TestUpgradeOutlivesItsContext(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/shop/pods/agent:7072/proxy" {
			http.Error(w, "no such pod: "+r.URL.Path, http.StatusNotFound)
			return
		}
		if r.Header.Get("Upgrade") != tunnel.UpgradeProtocol {
			http.Error(w, "upgrade me", http.StatusUpgradeRequired)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: kubetunnel\r\n\r\n")
		_, _ = io.Copy(conn, conn)
	}))
	defer server.Close()
	client := testClient(t, server.URL)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := client.upgradePod(ctx, "shop", "agent", 7072)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.WriteString(conn, "still there"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len("still there"))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "still there" {
		t.Errorf("read %q, %v", got, err)
	}
	_ = conn.Close()
	if _, err := client.upgradePod(t.Context(), "shop", "other", 7072); err == nil || !strings.Contains(err.Error(), "404 Not Found: no such pod") {
		t.Errorf("%v, want the answer in the error", err)
	}
}

func testClient(t *testing.T, url string) *Client {
	t.Helper()
	config := &rest.Config{Host: url}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	upgrades, err := upgradeTransport(config)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{rest: config, kube: kube, upgrades: upgrades}
}
