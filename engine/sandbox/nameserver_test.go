//go:build linux

package sandbox

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// failing is a resolver whose tunnel is down.
type failing struct{}

func (failing) Resolve(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("no tunnel")
}

func ask(t *testing.T, s *nameServer, name string, kind uint16, edns uint16, udp bool) *dns.Msg {
	t.Helper()
	question := (&dns.Msg{}).SetQuestion(name, kind)
	if edns > 0 {
		question.SetEdns0(edns, false)
	}
	raw, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := s.answer(t.Context(), raw, udp)
	m := &dns.Msg{}
	if err := m.Unpack(answer); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if m.Id != question.Id {
		t.Errorf("%s: answer %d to question %d", name, m.Id, question.Id)
	}
	if udp && len(answer) > max(int(edns), dns.MinMsgSize) {
		t.Errorf("%s: an answer of %d bytes by UDP, %d were asked for", name, len(answer), edns)
	}
	return m
}

func TestNameServer(t *testing.T) {
	cfg := Config{Cluster: &fakePodCluster{}, Pod: testPod()}
	s := newNameServer(cfg, newDestinations(cfg), newBase(nil).log)
	down := *cfg.Pod
	down.Resolver = failing{}
	broken := newNameServer(Config{Cluster: cfg.Cluster, Pod: &down}, newDestinations(cfg), newBase(nil).log)
	for _, test := range []struct {
		name      string
		server    *nameServer
		question  string
		kind      uint16
		edns      uint16
		udp       bool
		code      int
		answers   int
		truncated bool
	}{
		{"a Service", s, "prices.shop.svc.cluster.local.", dns.TypeA, 0, true, dns.RcodeSuccess, 1, false},
		{"no record of a type", s, "prices.shop.svc.cluster.local.", dns.TypeAAAA, 0, true, dns.RcodeSuccess, 0, false},
		{"no such name", s, "none.shop.svc.cluster.local.", dns.TypeA, 0, true, dns.RcodeNameError, 0, false},
		{"corporate", s, "wiki.corp.example.", dns.TypeA, 0, true, dns.RcodeSuccess, 1, false},
		{"known to nobody", s, "none.corp.example.", dns.TypeA, 0, true, dns.RcodeNameError, 0, false},
		{"large by UDP", s, "many.shop.svc.cluster.local.", dns.TypeA, 0, true, dns.RcodeSuccess, -1, true},
		{"large by UDP, EDNS", s, "many.shop.svc.cluster.local.", dns.TypeA, 1232, true, dns.RcodeSuccess, -1, true},
		{"large by TCP", s, "many.shop.svc.cluster.local.", dns.TypeA, 0, false, dns.RcodeSuccess, 400, false},
		{"the workstation", s, "Workstation.KubeTunnel.internal.", dns.TypeA, 0, true, dns.RcodeSuccess, 1, false},
		{"no tunnel", broken, "prices.shop.svc.cluster.local.", dns.TypeA, 0, true, dns.RcodeServerFailure, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := ask(t, test.server, test.question, test.kind, test.edns, test.udp)
			if m.Rcode != test.code || (test.answers >= 0 && len(m.Answer) != test.answers) || m.Truncated != test.truncated {
				t.Errorf("%s with %d answers, truncated %v", dns.RcodeToString[m.Rcode], len(m.Answer), m.Truncated)
			}
		})
	}
	for _, garbage := range [][]byte{nil, {1, 2, 3}, make([]byte, 12), make([]byte, 600)} {
		s.answer(t.Context(), garbage, true)
	}
}

func TestSidesOfDestinations(t *testing.T) {
	pod := testPod()
	resolver := pod.Resolver.(fakeResolver)
	resolver["db.private.example. A"] = []string{"db.private.example. 5 IN A 172.16.9.9"}
	pod.Workstation.(fakeResolver)["git.corp.example. A"] = []string{"git.corp.example. 5 IN A 10.96.200.200"}
	cfg := Config{Cluster: &fakePodCluster{}, Pod: pod}
	hosts := newDestinations(cfg)
	s := newNameServer(cfg, hosts, newBase(nil).log)
	for _, name := range []string{"external.shop.svc.cluster.local.", "public.example.com.", "db.private.example.", "git.corp.example."} {
		ask(t, s, name, dns.TypeA, 0, true)
	}
	for _, test := range []struct {
		name, address string
		want          side
	}{
		{"the cluster's range", "10.96.1.1", sideCluster},
		{"elsewhere", "198.51.100.1", sideWorkstation},
		{"ExternalName's target", "203.0.113.9", sideCluster},
		{"a public name", "203.0.113.10", sideWorkstation},
		{"a private name of the cluster's network", "172.16.9.9", sideCluster},
		{"a private address that nobody has named", "172.16.9.10", sideWorkstation},
		{"a corporate name within the cluster's range", "10.96.200.200", sideWorkstation},
		{"the alias", HostAlias.String(), sideAlias},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := hosts.side(t.Context(), netip.MustParseAddr(test.address)); got != test.want {
				t.Errorf("%s: side %d, want %d", test.address, got, test.want)
			}
		})
	}
}

// The user's word goes before what DNS and ranges tell; a name that is the
// workstation's is asked there alone, though the cluster knows one like it.
func TestTheUsersWordOnAHostGoesFirst(t *testing.T) {
	pod := testPod()
	pod.Resolver.(fakeResolver)["git.corp.example. A"] = []string{"git.corp.example. 5 IN A 10.96.7.7"}
	pod.Workstation.(fakeResolver)["git.corp.example. A"] = []string{"git.corp.example. 5 IN A 192.0.2.44"}
	cfg := Config{Pod: pod, Cluster: &fakePodCluster{routed: map[string]bool{
		"git.corp.example": false, "10.96.1.1": false, "198.51.100.1": true, "203.0.113.10": true,
	}}}
	hosts := newDestinations(cfg)
	s := newNameServer(cfg, hosts, newBase(nil).log)
	answer := ask(t, s, "git.corp.example.", dns.TypeA, 0, true)
	if a, ok := answer.Answer[0].(*dns.A); !ok || a.A.String() != "192.0.2.44" {
		t.Errorf("answer %v", answer.Answer)
	}
	ask(t, s, "public.example.com.", dns.TypeA, 0, true) // 203.0.113.10
	for address, want := range map[string]side{
		"192.0.2.44": sideWorkstation, "10.96.1.1": sideWorkstation, "10.96.1.2": sideCluster,
		"198.51.100.1": sideCluster, "203.0.113.10": sideCluster,
	} {
		if got := hosts.side(t.Context(), netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: side %d, want %d", address, got, want)
		}
	}
}
