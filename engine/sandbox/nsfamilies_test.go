//go:build linux

package sandbox

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"testing"
)

// Some machines' kernels are told to do without IPv6. A pod of both families has IPv4 there.
func TestAMachineWithoutIPv6ShowsAPodsIPv4(t *testing.T) {
	box := newNamespacesSandbox(t, Config{Cluster: newFakePodCluster(t)}, variant{pid: true, noIPv6: true})
	for command, want := range map[string]string{
		"dial 10.96.7.7:80": "hello", "dial [fd96::7]:80": "network is unreachable", "dial prices:80": "hello",
	} {
		if got := inside(t, box, strings.Fields(command)...); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	// A caller whose address can't be shown here still reaches the program.
	startReady(t, box, "tellsource", "0.0.0.0:80")
	conn, err := box.Dial(context.Background(), netip.MustParseAddrPort("[fd00:10:244::99]:43211"), 80)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if said, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(said), HostAlias.String()+":") {
		t.Errorf("the program saw %q, %v", said, err)
	}
	if limits := strings.Join(box.Limits(), "\n"); !strings.Contains(limits, "IPv6") {
		t.Errorf("nothing is told of it: %s", limits)
	}
	if limits := strings.Join(newNamespacesSandbox(t, Config{}, variant{pid: true}).Limits(), "\n"); strings.Contains(limits, "IPv6") {
		t.Errorf("told where IPv6 is: %s", limits)
	}
}
