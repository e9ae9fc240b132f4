package main

import (
	"encoding/json"
	"net/netip"
	"os/exec"
	"testing"
)

// familiesNode is a node's folders in a cluster of both families, or of IPv4 alone.
func familiesNode(dualStack bool) nodeDirs {
	return layout{Name: "families", slot: 7, dualStack: dualStack}.node(2)
}

func TestPodsGetAnAddressOfEachFamily(t *testing.T) {
	for dualStack, want := range map[bool][]string{false: {"10.244.2.0/24"}, true: {"10.244.2.0/24", "fd98:244:0:2::/64"}} {
		var config struct {
			Plugins []struct {
				Type string
				IPAM struct{ Ranges [][]struct{ Subnet string } }
			}
		}
		if err := json.Unmarshal([]byte(cniConfig(familiesNode(dualStack))), &config); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range config.Plugins {
			for _, r := range p.IPAM.Ranges {
				got = append(got, r[0].Subnet)
			}
		}
		if len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("dual-stack %v: got %v", dualStack, got)
		}
		if quick := config.Plugins[0].Type == quickAddressesName; quick != dualStack {
			t.Errorf("dual-stack %v: begins with %s", dualStack, config.Plugins[0].Type)
		}
	}
}

func TestRangesOfIPv6HoldWhatTheyShould(t *testing.T) {
	pods := netip.MustParsePrefix(podRange6)
	for node := 1; node <= 2; node++ {
		if r := netip.MustParsePrefix(podRange6Of(node)); !pods.Contains(r.Addr()) {
			t.Errorf("%v is not in %v", r, pods)
		}
	}
	nodes := netip.PrefixFrom(netip.MustParseAddr(familiesNode(true).nodeAddress6(1)), 64)
	if !nodes.Contains(netip.MustParseAddr(familiesNode(true).nodeAddress6(2))) {
		t.Errorf("the nodes have no network in common")
	}
	if services := netip.MustParsePrefix(serviceRange6); services.Overlaps(pods) || services.Overlaps(nodes) || pods.Overlaps(nodes) {
		t.Error("ranges overlap")
	}
}

func TestIPv6ComesAfterIPv4AndOnlyWhereItIs(t *testing.T) {
	if got := familiesNode(true).both("a", "b"); got != "a,b" {
		t.Errorf("both: got %q", got)
	}
	if got := familiesNode(false).both("a", "b"); got != "a" {
		t.Errorf("IPv4 alone: got %q", got)
	}
	if families(true, t.Logf) {
		t.Error("IPv6 although IPv4 alone was asked for")
	}
}

// The CNI program must answer as the specification says, whatever it is asked.
func TestTheProgramBeforeAllPodsLinksSpeaksCNI(t *testing.T) {
	for command, want := range map[string]string{"VERSION": "supportedVersions", "DEL": "cniVersion", "CHECK": "cniVersion"} {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", quickAddresses)
		cmd.Env = []string{"CNI_COMMAND=" + command}
		out, err := cmd.Output()
		var answer map[string]any
		if err != nil || json.Unmarshal(out, &answer) != nil || answer[want] == nil {
			t.Errorf("%s: got %q, %v", command, out, err)
		}
	}
}
