package link

import "testing"

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
