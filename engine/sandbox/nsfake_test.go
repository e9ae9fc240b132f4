//go:build linux

package sandbox

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/miekg/dns"
)

// fakePodCluster has the addresses in 10.96/12 and fd96::/16; what is dialled there
// depends on the port.
type fakePodCluster struct {
	echo, udpEcho string
	// routed has the hosts of which the user has said whether they are the cluster's.
	routed map[string]bool

	mu     sync.Mutex
	dialed []string
}

// Ports of the fake cluster that do not answer.
const (
	refusedPort     = "81"
	unreachablePort = "82"
	noNetworkPort   = "84"
	timeoutPort     = "83"
)

func newFakePodCluster(t testing.TB) *fakePodCluster {
	return &fakePodCluster{echo: echoListener(t, "127.0.0.1:0"), udpEcho: udpEcho(t)}
}

func (c *fakePodCluster) Contains(_ context.Context, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.MustParsePrefix("10.96.0.0/12").Contains(a) || netip.MustParsePrefix("fd96::/16").Contains(a)
	}
	return strings.HasSuffix(host, ".cluster.local")
}

// Routed: the user has said where the hosts of routed are.
func (c *fakePodCluster) Routed(host string) (cluster, known bool) {
	cluster, known = c.routed[host]
	return cluster, known
}

func (c *fakePodCluster) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	c.dialed = append(c.dialed, network+" "+address)
	c.mu.Unlock()
	_, port, _ := net.SplitHostPort(address)
	failed := &net.OpError{Op: "dial", Net: network}
	switch port {
	case refusedPort:
		failed.Err = syscall.ECONNREFUSED
		return nil, failed
	case unreachablePort:
		failed.Err = syscall.EHOSTUNREACH
		return nil, failed
	case noNetworkPort:
		failed.Err = syscall.ENETUNREACH
		return nil, failed
	case timeoutPort:
		failed.Err = syscall.ETIMEDOUT
		return nil, failed
	}
	var d net.Dialer
	if network == "udp" {
		return d.DialContext(ctx, network, c.udpEcho)
	}
	return d.DialContext(ctx, network, c.echo)
}

func (c *fakePodCluster) asked() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.dialed, ", ")
}

// echoListener gives back what it gets.
func echoListener(t testing.TB, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return l.Addr().String()
}

func udpEcho(t testing.TB) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, maxMessage)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(buffer[:n], from)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// fakeResolver answers from a table "name TYPE" → records; what is not in it is NXDOMAIN.
type fakeResolver map[string][]string

func (r fakeResolver) Resolve(_ context.Context, message []byte) ([]byte, error) {
	question := &dns.Msg{}
	if err := question.Unpack(message); err != nil {
		return nil, err
	}
	q := question.Question[0]
	reply := (&dns.Msg{}).SetReply(question)
	name := strings.ToLower(q.Name)
	records, found := r[name+" "+dns.TypeToString[q.Qtype]]
	for _, text := range records {
		record, err := dns.NewRR(text)
		if err != nil {
			return nil, err
		}
		reply.Answer = append(reply.Answer, record)
	}
	if !found {
		reply.Rcode = dns.RcodeNameError
		for key := range r {
			if strings.HasPrefix(key, name+" ") {
				reply.Rcode = dns.RcodeSuccess
			}
		}
	}
	return reply.Pack()
}
