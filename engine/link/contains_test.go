package link

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/protocol"
)

func TestWhichHostsAreTheClusters(t *testing.T) {
	l := &Link{}
	resolv := "search shop.svc.example.org svc.example.org example.org\nnameserver 198.18.0.10\noptions ndots:5\n"
	env := []string{"HOST_IP=203.0.113.9", "DB=postgres://user:word@203.0.113.10:5432/shop", "AGENT=203.0.113.11:8125", "NAME=203.0.113.300", "HERE=127.0.0.1", "EMPTY="}
	l.domain.Store(podNames(resolv, []string{"100.65.1.7", "2001:db8:1:2::7", "no address"}, env))
	for host, want := range map[string]bool{
		"prices": true, "prices.shop.svc": true, "Prices.shop.svc.example.org.": true,
		"localhost": false, "a.localhost": false, "": false, "www.example.com": false,
		"10.96.0.1": true, "fdab:cdef:1::1": true, "::ffff:10.96.0.1": true,
		"127.0.0.1": false, "192.0.2.77": false, "2001:db8:9::1": false,
		// Named by the environment.
		"203.0.113.9": true, "203.0.113.10": true, "203.0.113.11": true, "203.0.113.12": false,
		// Near the pod's own, of a nameserver's network, a cloud's metadata.
		"100.127.0.1": true, "2001:db8:1:2::99": true, "198.18.200.1": true, "198.19.0.1": false, "169.254.169.254": true,
	} {
		if got := l.Contains(t.Context(), host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// ownNetwork is one of this machine's, and an address in it.
func ownNetwork(t *testing.T) (network netip.Prefix, address netip.Addr) {
	t.Helper()
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() {
			return p.Masked(), p.Addr()
		}
	}
	p := netip.MustParsePrefix("127.0.0.0/8")
	return p, p.Addr().Next()
}

func TestRangesOfTheClusterCountWhereTheyOverlapWithThisMachines(t *testing.T) {
	l := &Link{}
	network, address := ownNetwork(t)
	if l.Contains(t.Context(), address.String()) {
		t.Fatalf("%s is this machine's", address)
	}
	l.learnRanges([]string{"198.18.0.0/15", network.String(), "no range"})
	for host, want := range map[string]bool{address.String(): true, "198.19.255.1": true, "198.20.0.1": false, "10.96.0.1": true} {
		if got := l.Contains(t.Context(), host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func TestTheUsersRoutesGoFirst(t *testing.T) {
	routes, err := parseRoutes(engine.LinkConfig{
		ViaCluster:     []string{"203.0.113.0/24", "2001:db8::7", "*.partner.example.com", "10.8.1.0/24"},
		ViaWorkstation: []string{"10.8.0.0/16", "corp.example.com.", "203.0.113.9", "10.8.1.0/24"},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{routes: routes}
	l.learnRanges([]string{"10.8.0.0/15"})
	for host, want := range map[string]bool{
		"203.0.113.1": true, "203.0.113.9": false, "2001:db8::7": true, "2001:db8::8": false,
		"db.partner.example.com": true, "partner.example.com": true, "notpartner.example.com": false,
		"10.8.7.7": false, "10.9.7.7": true,
		"10.8.1.1":         false, // both say so
		"Corp.example.com": false, "git.corp.example.com.": false,
	} {
		if got := l.Contains(t.Context(), host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
	if _, known := l.Routed("prices"); known {
		t.Error("nothing was said of prices")
	}
}

func TestARouteThatCantBeReadIsAnErrorThatNamesIt(t *testing.T) {
	for _, cfg := range []engine.LinkConfig{
		{ViaCluster: []string{"10.0.0.0/40"}}, {ViaWorkstation: []string{""}}, {ViaWorkstation: []string{"http://x"}}, {ViaCluster: []string{"a b"}},
	} {
		cfg.Take, cfg.Attached = nil, func(bool) {}
		_, err := New(cfg, nil)
		var told *protocol.Error
		if !errors.As(err, &told) || told.Code != protocol.CodeInvalidParams {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
