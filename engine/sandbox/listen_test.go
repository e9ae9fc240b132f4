//go:build linux

package sandbox

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// await waits for a state of a port.
func await(t *testing.T, states <-chan Listening, what string, met func(Listening) bool) Listening {
	t.Helper()
	timeout := time.After(testTime)
	for {
		select {
		case l, ok := <-states:
			if !ok {
				t.Fatalf("%s: the watch has ended", what)
			}
			if met(l) {
				return l
			}
		case <-timeout:
			t.Fatalf("%s: does not come", what)
		}
	}
}

func TestWatchSeesTheSessionsListener(t *testing.T) {
	for _, test := range []struct{ name, helper, host string }{
		{"IPv4 loopback", "listen", "127.0.0.1"},
		{"every IPv4 address", "listen", "0.0.0.0"},
		{"another loopback address", "listen", "127.0.0.5"},
		{"IPv6 loopback", "listen", "[::1]"},
		{"every address", "listen", "[::]"},
		{"a grandchild's", "childlisten", "127.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newTestSandbox(t, Config{})
			port := freePort(t)
			states := b.WatchListen(t.Context(), port)
			if l := <-states; l != (Listening{Port: port}) {
				t.Fatalf("before the start: %+v", l)
			}
			if _, err := b.Dial(t.Context(), netip.AddrPort{}, port); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("Dial before the start: %v", err)
			}
			p, err := b.Start(t.Context(), helperCommand(test.helper+" "+test.host+":"+strconv.Itoa(port), nil))
			if err != nil {
				t.Fatal(err)
			}
			l := await(t, states, "listener", func(l Listening) bool { return l.PID != 0 })
			if !slices.Contains(b.pids(), l.PID) || l.Foreign != 0 || l.Taken {
				t.Errorf("listening: %+v, processes %v", l, b.pids())
			}
			conn, err := b.Dial(t.Context(), netip.MustParseAddrPort("10.1.2.3:4"), port)
			if err != nil {
				t.Fatal(err)
			}
			if data, _ := io.ReadAll(conn); !strings.HasPrefix(string(data), "hello from") {
				t.Errorf("the listener says %q", data)
			}
			_ = conn.Close()
			if err := p.End(t.Context()); err != nil {
				t.Fatal(err)
			}
			await(t, states, "no listener", func(l Listening) bool { return l.PID == 0 })
		})
	}
}

// A debugger of an IDE starts its program itself; the process and its children are taken in.
func TestAdoptedProcessesListenersAreTheSessions(t *testing.T) {
	b := newTestSandbox(t, Config{})
	other := newTestSandbox(t, Config{}) // stands for whoever has started the program
	port := freePort(t)
	p, err := other.Start(t.Context(), helperCommand("childlisten 127.0.0.1:"+strconv.Itoa(port), nil))
	if err != nil {
		t.Fatal(err)
	}
	states := b.WatchListen(t.Context(), port)
	await(t, states, "foreign listener", func(l Listening) bool { return l.Taken && l.PID == 0 })
	if err := b.Adopt(p.PID()); err != nil {
		t.Fatal(err)
	}
	await(t, states, "adopted listener", func(l Listening) bool { return l.PID != 0 && !l.Taken })
	if err := p.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, states, "no listener", func(l Listening) bool { return l.PID == 0 })
	for _, pid := range []int{p.PID(), 0, -1, 1, os.Getpid()} {
		if err := b.Adopt(pid); err == nil {
			t.Errorf("process %d is adopted", pid)
		}
	}
}

func TestWatchTellsAForeignListener(t *testing.T) {
	b := newTestSandbox(t, Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	states := b.WatchListen(t.Context(), port)
	if s := <-states; s.PID != 0 || s.Foreign != os.Getpid() || !s.Taken {
		t.Errorf("state %+v, want this process as the foreign one", s)
	}
	if _, err := b.Dial(t.Context(), netip.AddrPort{}, port); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial to a foreign listener: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, states, "free again", func(s Listening) bool { return !s.Taken && s.Foreign == 0 })
}

func TestDialReachesTheSessionsOwnListenerBesideAForeignOne(t *testing.T) {
	b := newTestSandbox(t, Config{})
	foreign, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	port := foreign.Addr().(*net.TCPAddr).Port
	ready := newReady()
	if _, err := b.Start(t.Context(), helperCommand("listen [::1]:"+strconv.Itoa(port), ready)); err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	conn, err := b.Dial(t.Context(), netip.AddrPort{}, port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if data, _ := io.ReadAll(conn); !strings.HasPrefix(string(data), "hello from [::1]") {
		t.Errorf("reached %q", data)
	}
}

func TestWatchEndsWithContextAndSandbox(t *testing.T) {
	b := newTestSandbox(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	one, two := b.WatchListen(ctx, freePort(t)), b.WatchListen(t.Context(), freePort(t))
	cancel()
	for range one {
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range two {
	}
}

func TestNetlinkAndProcAgree(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0", "0.0.0.0:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		byProc, err := listListenersByProc(port)
		if err != nil {
			t.Fatal(err)
		}
		byNetlink, err := listListenersByNetlink(port)
		if err != nil {
			t.Fatal(err)
		}
		if len(byProc) != 1 || !slices.Equal(byProc, byNetlink) {
			t.Errorf("%s: /proc %v, netlink %v", address, byProc, byNetlink)
		}
		_ = l.Close()
	}
}

func TestProcNetLines(t *testing.T) {
	const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0 20 4 30 10 -1
   2: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4244 1 0 20 4 30 10 -1
   3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 4245 1 0
`
	sockets, err := parseProcNet(bufio.NewScanner(strings.NewReader(text)), 8080)
	if err != nil {
		t.Fatal(err)
	}
	want := []listenSocket{{4242, netip.MustParseAddr("127.0.0.1")}, {4245, netip.MustParseAddr("::1")}}
	if !slices.Equal(sockets, want) {
		t.Errorf("got %v, want %v", sockets, want)
	}
}

func TestDialAddress(t *testing.T) {
	any4, any6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	for _, test := range []struct {
		name    string
		sockets []listenSocket
		want    netip.Addr
	}{
		{"every IPv4", []listenSocket{{1, any4}}, netip.MustParseAddr("127.0.0.1")},
		{"every address", []listenSocket{{1, any6}}, any6},
		{"every address beside a foreign IPv4", []listenSocket{{1, any6}, {2, any4}}, netip.IPv6Loopback()},
		{"one address", []listenSocket{{1, netip.MustParseAddr("192.0.2.1")}}, netip.MustParseAddr("192.0.2.1")},
		{"mapped address", []listenSocket{{1, netip.MustParseAddr("::ffff:127.0.0.9")}}, netip.MustParseAddr("127.0.0.9")},
	} {
		if got := dialAddress(test.sockets, 1); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func BenchmarkLookForListener(b *testing.B) {
	for b.Loop() {
		if _, err := listListenersByNetlink(1); err != nil {
			b.Fatal(err)
		}
	}
}
