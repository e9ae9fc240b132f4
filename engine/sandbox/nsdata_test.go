//go:build linux

package sandbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// sinkCluster has one server for all, which the test gives.
type sinkCluster struct{ address string }

func (c sinkCluster) Contains(context.Context, string) bool { return true }

func (c sinkCluster) Routed(string) (cluster, known bool) { return false, false }

func (c sinkCluster) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, c.address)
}

// serveOne serves each connection of a listener by a function.
func serveOne(t testing.TB, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		tasks.Wait()
	})
	return l.Addr().String()
}

// bulkSize is enough for every window and buffer to fill.
const bulkSize = 64 << 20

// pattern is a stream that never repeats at a segment's or buffer's size.
type pattern struct{ n uint32 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(p.n * 2654435761 >> 24)
		p.n++
	}
	return len(b), nil
}

func bulkHash(r io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%d %x %v", n, h.Sum(nil)[:8], err)
}

func TestBulkOfAPod(t *testing.T) {
	want := bulkHash(io.LimitReader(&pattern{}, bulkSize))
	for _, name := range []string{"tun", "veth"} {
		t.Run(name, func(t *testing.T) {
			// The server answers only after the program's end of stream: a half-close must pass.
			address := serveOne(t, func(conn *net.TCPConn) {
				_, _ = io.WriteString(conn, bulkHash(conn)+"\n")
				_, _ = io.Copy(conn, io.LimitReader(&pattern{}, bulkSize))
			})
			box := newNamespacesSandbox(t, Config{Cluster: sinkCluster{address}}, variants[name])
			if got := inside(t, box, "bulk", "10.1.2.3:80"); got != want+"\n"+want {
				t.Errorf("IPv4: %q, want %q twice", got, want)
			}
			if got := inside(t, box, "bulk", "[fd96::1]:80"); got != want+"\n"+want {
				t.Errorf("IPv6: %q, want %q twice", got, want)
			}
		})
	}
}

func TestResetsOfAPod(t *testing.T) {
	seen := make(chan error, 10)
	address := serveOne(t, func(conn *net.TCPConn) {
		first := make([]byte, 5)
		if _, err := io.ReadFull(conn, first); err != nil {
			return
		}
		if string(first) == "hello" {
			_ = conn.SetLinger(0) // the far side breaks
			return
		}
		_, err := conn.Read(first) // the program does
		seen <- err
	})
	box := newNamespacesSandbox(t, Config{Cluster: sinkCluster{address}}, variant{pid: true})
	if got := inside(t, box, "dial", "10.1.2.3:80"); got != syscall.ECONNRESET.Error() {
		t.Errorf("the far side's reset: %q", got)
	}
	inside(t, box, "break", "10.1.2.3:80")
	if err := <-seen; errorName(err) != syscall.ECONNRESET.Error() {
		t.Errorf("the program's reset: %v", err)
	}
}

func TestLargeMessagesOfAPod(t *testing.T) {
	cluster := newFakePodCluster(t)
	for _, name := range []string{"tun", "veth"} {
		box := newNamespacesSandbox(t, Config{Cluster: cluster}, variants[name])
		for _, size := range []string{"1", "1400", "1473", "9000", "60000"} {
			if got := inside(t, box, "udpsize", "10.96.7.7:99", size); got != size {
				t.Errorf("%s: a message of %s bytes came back as %q", name, size, got)
			}
		}
	}
}

// TestOtherLanguagesInAPod: what they use of the system differs from what Go uses.
func TestOtherLanguagesInAPod(t *testing.T) {
	box := newNamespacesSandbox(t, Config{Cluster: newFakePodCluster(t)}, variant{pid: true})
	for _, test := range []struct{ program, script, want string }{
		{"python3", `import socket
s = socket.create_connection(("prices", 80)); s.sendall(b"hello"); print(s.recv(99).decode())
try: socket.create_connection(("prices", 81))
except ConnectionRefusedError: print("refused")
try: socket.create_connection(("prices", 82))
except OSError as e: print(e.strerror)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.sendto(b"message", ("prices", 99)); print(u.recvfrom(99))
print(socket.gethostname(), socket.gethostbyname(socket.gethostname()))`,
			"hello\nrefused\nNo route to host\n(b'message', ('10.96.7.7', 99))\ncart-7d9f-x2x4z 10.244.1.7"},
		{"node", `const net = require("net"), dns = require("dns"), os = require("os")
const s = net.connect(80, "prices", () => s.write("hello"))
s.on("data", d => { console.log(String(d)); s.end()
net.connect(81, "prices").on("error", e => { console.log(e.code)
dns.resolve4("prices.shop.svc.cluster.local", (e, a) => { console.log(a.join(), os.hostname()) }) }) })`,
			"hello\nECONNREFUSED\n10.96.7.7 cart-7d9f-x2x4z"},
	} {
		t.Run(test.program, func(t *testing.T) {
			path, err := exec.LookPath(test.program)
			if err != nil {
				t.Skipf("%s is not installed", test.program)
			}
			flag := map[string]string{"python3": "-c", "node": "-e"}[test.program]
			cmd := exec.Command(path, flag, "0")
			cmd.Dir = "/"
			if err := cmd.Run(); err != nil {
				t.Skipf("%s does not run for this user: %v", test.program, err)
			}
			if got := runCommand(t, box, Command{Args: []string{path, flag, test.script}, Dir: "/"}); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func BenchmarkReady(b *testing.B) {
	for range b.N {
		box, err := newNamespaces(context.Background(), Config{Dir: shortDir(b), Pod: testPod()}, variant{pid: true}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = box.Close(context.Background())
		b.StartTimer()
	}
}

// BenchmarkPod measures in a program inside and prints what it says.
func BenchmarkPod(b *testing.B) {
	cluster := newFakePodCluster(b)
	bulk := serveOne(b, func(conn *net.TCPConn) {
		_, _ = io.Copy(io.Discard, conn)
		_, _ = io.Copy(conn, io.LimitReader(zeros{}, 1<<30))
	})
	for _, name := range []string{"tun", "veth"} {
		box := newNamespacesSandbox(b, Config{Cluster: cluster}, variants[name])
		sink := newNamespacesSandbox(b, Config{Cluster: sinkCluster{bulk}}, variants[name])
		for range b.N {
			fmt.Fprintln(os.Stderr, name, box.device, strings.ReplaceAll(inside(b, box, "measure", "10.96.7.7:80", "10.96.7.7:99"), "\n", "; "),
				inside(b, sink, "throughput", "10.1.2.3:80"))
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
