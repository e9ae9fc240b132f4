package tunnel

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func upgradeRequest(t *testing.T, address, protocol string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if protocol != "" {
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", protocol)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func TestOnlyAnUpgradeToTheTunnelsProtocolIsTaken(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := UpgradeListener(inner)
	defer func() { _ = l.Close() }()
	for _, protocol := range []string{"", "websocket", "SPDY/3.1"} {
		if response := upgradeRequest(t, inner.Addr().String(), protocol); response.StatusCode != http.StatusUpgradeRequired || response.Header.Get("Upgrade") != UpgradeProtocol {
			t.Errorf("upgrade to %q: %s, want 426 that names the protocol", protocol, response.Status)
		}
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Errorf("Accept: %v", err)
		}
		accepted <- conn
	}()
	response := upgradeRequest(t, inner.Addr().String(), UpgradeProtocol)
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %s, want 101", response.Status)
	}
	ours, _ := response.Body.(io.ReadWriteCloser)
	theirs := <-accepted
	defer func() { _ = theirs.Close() }()
	if _, err := ours.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Write([]byte("back")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from io.Reader
		want string
	}{{theirs, "there"}, {ours, "back"}} {
		got := make([]byte, len(c.want))
		if _, err := io.ReadFull(c.from, got); err != nil || string(got) != c.want {
			t.Errorf("read %q, %v, want %q", got, err, c.want)
		}
	}
}

func TestWhatSpeaksBeforeTheAnswerIsNoTunnel(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := UpgradeListener(inner)
	defer func() { _ = l.Close() }()
	for _, c := range []struct{ name, sent string }{
		{"early bytes", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: kubetunnel\r\n\r\nKTP1"},
		{"no HTTP", "KTP1\x01\x00" + strings.Repeat("\x00", 24) + "\r\n\r\n"},
		{"endless header", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 64<<10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", inner.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write([]byte(c.sent)); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			answer, err := io.ReadAll(conn)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() || strings.Contains(string(answer), "101") {
				t.Errorf("answered %q, %v; want the end of the connection", answer, err)
			}
		})
	}
}

func TestClosingAnUpgradeListenerEndsAccept(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := UpgradeListener(inner)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	_ = l.Close()
	if err := <-ended; err == nil {
		t.Error("Accept gave a connection after Close")
	}
}
