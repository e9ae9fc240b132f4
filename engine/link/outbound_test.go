package link

import "testing"

func TestWhichHostsAreTheClusters(t *testing.T) {
	l := &Link{}
	names := parseResolv("search shop.svc.example.org svc.example.org example.org\nnameserver 198.18.0.10\noptions ndots:5\n")
	names.around("100.65.1.7")
	names.around("2001:db8:1:2::7")
	names.around("no address")
	l.domain.Store(names)
	for host, want := range map[string]bool{
		"prices": true, "prices.shop.svc": true, "Prices.shop.svc.example.org.": true,
		"localhost": false, "a.localhost": false, "": false, "www.example.com": false,
		"10.96.0.1": true, "fdab:cdef:1::1": true, "::ffff:10.96.0.1": true,
		"127.0.0.1": false, "192.0.2.77": false, "2001:db8:9::1": false,
		// Near the pod's own, of a nameserver's network, a cloud's metadata.
		"100.127.0.1": true, "2001:db8:1:2::99": true, "198.18.200.1": true, "198.19.0.1": false, "169.254.169.254": true,
	} {
		if got := l.Contains(t.Context(), host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
