//go:build linux

package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

// testPod is a pod as a small cluster has it.
func testPod() *Pod {
	return &Pod{
		Hostname:   "cart-7d9f-x2x4z",
		Addresses:  []netip.Addr{netip.MustParseAddr("10.244.1.7"), netip.MustParseAddr("fd00:10:244::7")},
		ResolvConf: []byte("search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"),
		Resolver: fakeResolver{
			"prices.shop.svc.cluster.local. A":   {"prices.shop.svc.cluster.local. 5 IN A 10.96.7.7"},
			"external.shop.svc.cluster.local. A": {"external.shop.svc.cluster.local. 5 IN CNAME db.example.com.", "db.example.com. 5 IN A 203.0.113.9"},
			"public.example.com. A":              {"public.example.com. 5 IN A 203.0.113.10"},
			"many.shop.svc.cluster.local. A":     manyRecords(400),
		},
		Workstation: fakeResolver{"wiki.corp.example. A": {"wiki.corp.example. 60 IN A 192.0.2.80"}},
	}
}

func manyRecords(n int) []string {
	var records []string
	for i := range n {
		records = append(records, fmt.Sprintf("many.shop.svc.cluster.local. 5 IN A 10.97.%d.%d", i/250, i%250+1))
	}
	return records
}

// newNamespacesSandbox makes a sandbox, or skips where this machine can't.
func newNamespacesSandbox(t testing.TB, cfg Config, how variant) *namespaces {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = shortDir(t)
	}
	if cfg.Pod == nil {
		cfg.Pod = testPod()
	}
	n, err := newNamespaces(context.Background(), cfg, how, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTime)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return n
}

// variants are the ways in which namespaces are made on different machines.
var variants = map[string]variant{
	"tun":            {pid: true},
	"veth":           {pid: true, noTUN: true},
	"no pid":         {},
	"no pid on veth": {noTUN: true},
}

func TestNetworkOfAPod(t *testing.T) {
	for name, how := range variants {
		t.Run(name, func(t *testing.T) {
			cluster := newFakePodCluster(t)
			box := newNamespacesSandbox(t, Config{Cluster: cluster}, how)
			host := echoListener(t, "127.0.0.1:0")
			_, hostPort, _ := strings.Cut(host, ":")
			for _, test := range []struct{ name, command, want string }{
				{"TCP to a Service", "dial 10.96.7.7:80", "hello"},
				{"TCP by name", "dial prices:80", "hello"},
				{"TCP by IPv6", "dial [fd96::7]:80", "hello"},
				{"refused", "dial 10.96.7.7:" + refusedPort, "connection refused"},
				{"refused by IPv6", "dial [fd96::7]:" + refusedPort, "connection refused"},
				{"unreachable", "dial 10.96.7.7:" + unreachablePort, "no route to host"},
				{"unreachable by IPv6", "dial [fd96::7]:" + unreachablePort, "no route to host"},
				{"no network", "dial 10.96.7.7:" + noNetworkPort, "network is unreachable"},
				{"no network by IPv6", "dial [fd96::7]:" + noNetworkPort, "network is unreachable"},
				{"silent", "dial 10.96.7.7:" + timeoutPort + " 1500ms", "timeout"},
				{"UDP", "udp 10.96.7.7:99 message", "message"},
				{"UDP refused", "udp 10.96.7.7:" + refusedPort + " message", "connection refused"},
				{"UDP refused by IPv6", "udp [fd96::7]:" + refusedPort + " message", "connection refused"},
				{"the workstation's loopback", "dial " + HostAliasName + ":" + hostPort, "hello"},
				{"its refusal", "dial " + HostAlias.String() + ":1", "connection refused"},
				{"the pod's own loopback", "dial 127.0.0.1:" + hostPort, "connection refused"},
				{"ExternalName", "dial external:80", "hello"},
				{"short name", "lookup prices", "10.96.7.7"},
				{"unknown name", "lookup nothing", "error true"},
				{"corporate name", "lookup wiki.corp.example", "192.0.2.80"},
				{"public name", "lookup public.example.com", "203.0.113.10"},
				{"host name", "hostname", "cart-7d9f-x2x4z"},
				{"own name", "lookup cart-7d9f-x2x4z", "10.244.1.7 fd00:10:244::7"},
				{"resolv.conf", "read /etc/resolv.conf", strings.TrimSuffix(string(testPod().ResolvConf), "\n")},
				{"links", "links", "eth0 lo"},
				{"capabilities", "status CapInh CapAmb NoNewPrivs", "CapInh 0000000000000000\nCapAmb 0000000000000000\nNoNewPrivs 0"},
			} {
				t.Run(test.name, func(t *testing.T) {
					if got := inside(t, box, strings.Fields(test.command)...); got != test.want {
						t.Errorf("%s: %q, want %q", test.command, got, test.want)
					}
				})
			}
			if got := len(strings.Fields(inside(t, box, "lookup", "many"))); got != 400 {
				t.Errorf("a large answer: %d addresses, want 400", got)
			}
			if asked := cluster.asked(); !strings.Contains(asked, "tcp 203.0.113.9:80") {
				t.Errorf("ExternalName's target was not dialled in the cluster: %s", asked)
			}
		})
	}
}
