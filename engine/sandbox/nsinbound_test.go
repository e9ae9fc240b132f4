//go:build linux

package sandbox

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

// startReady starts a helper that goes on, and waits for its "ready".
func startReady(t *testing.T, box Sandbox, args ...string) Process {
	t.Helper()
	ready := newReady()
	p, err := box.Start(context.Background(), insideCommand(ready, args...))
	if err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	return p
}

func TestInboundShowsTheCaller(t *testing.T) {
	for name, how := range variants {
		t.Run(name, func(t *testing.T) {
			box := newNamespacesSandbox(t, Config{Cluster: newFakePodCluster(t)}, how)
			for _, test := range []struct {
				name, listen string
				port         int
				source, want string
			}{
				{"everywhere", "0.0.0.0:80", 80, "10.244.9.9:43210", "10.244.9.9:43210"},
				{"a public caller", "0.0.0.0:85", 85, "203.0.113.77:1", "203.0.113.77:1"},
				{"both families, IPv4", "[::]:81", 81, "10.244.9.9:43211", "10.244.9.9:43211"},
				{"both families, IPv6", "[::]:86", 86, "[fd00:10:244::99]:43211", "[fd00:10:244::99]:43211"},
				{"the pod's own address", "10.244.1.7:84", 84, "10.244.9.9:43212", "10.244.9.9:43212"},
				{"loopback alone", "127.0.0.1:82", 82, "10.244.9.9:43213", "127.0.0.1:"},
				{"IPv6 loopback alone", "[::1]:83", 83, "10.244.9.9:43214", "[::1]:"},
				{"no source", "0.0.0.0:87", 87, "", HostAlias.String() + ":"},
				{"the pod itself", "0.0.0.0:88", 88, "10.244.1.7:999", HostAlias.String() + ":"},
				{"IPv6 caller of an IPv4 listener", "0.0.0.0:89 tcp4", 89, "[fd00:10:244::99]:43211", "127.0.0.1:"},
			} {
				t.Run(test.name, func(t *testing.T) {
					startReady(t, box, append([]string{"tellsource"}, strings.Fields(test.listen)...)...)
					source, _ := netip.ParseAddrPort(test.source)
					// The same caller may come again at once.
					want := test.want
					for range 3 {
						conn, err := box.Dial(context.Background(), source, test.port)
						if err != nil {
							t.Fatal(err)
						}
						said, err := io.ReadAll(conn)
						_ = conn.Close()
						if err != nil || !strings.HasPrefix(string(said), want) {
							t.Fatalf("the program saw %q, %v; want %q", said, err, want)
						}
						// Its port may not be free again yet.
						want = want[:strings.LastIndex(want, ":")+1]
					}
				})
			}
			if _, err := box.Dial(context.Background(), netip.AddrPort{}, 9999); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("nobody listens: %v", err)
			}
		})
	}
}

func TestWatchListenInside(t *testing.T) {
	box := newNamespacesSandbox(t, Config{}, variant{pid: true})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	states := box.WatchListen(ctx, 80)
	if s := <-states; s.PID != 0 || s.Taken {
		t.Fatalf("before anything listens: %+v", s)
	}
	p := startReady(t, box, "tellsource", "127.0.0.1:80")
	if s := <-states; s.PID == 0 || s.Taken || s.Foreign != 0 {
		t.Fatalf("with a listener: %+v", s)
	}
	if err := p.End(ctx); err != nil {
		t.Fatal(err)
	}
	for s := range states {
		if s.PID == 0 {
			break
		}
	}
}
