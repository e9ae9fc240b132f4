package main

import (
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

func TestClustersOfDifferentNamesHaveDifferentAddresses(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{defaultName, "a", "b", "e2e", "bench", "soak"} {
		l, err := newLayout(name)
		if err != nil {
			t.Fatal(err)
		}
		for what, value := range map[string]string{
			"host": l.hostAddress(), "node1": l.nodeAddress(1), "node2": l.nodeAddress(2),
			"node1 by IPv6": l.nodeAddress6(1), "node2 by IPv6": l.nodeAddress6(2),
			"link": l.link(), "run": l.run(), "data": l.data(), "cgroup": host.Cgroup(l.Name),
		} {
			if other, taken := seen[value]; taken {
				t.Errorf("%s of %s is %s, as of %s", what, name, value, other)
			}
			seen[value] = name
		}
		if len(l.link()) > 15 {
			t.Errorf("the kernel takes no interface name %q", l.link())
		}
	}
}

func TestATakenSlotIsPassedOver(t *testing.T) {
	none := func(int) bool { return false }
	if got, err := freeSlot(7, none); err != nil || got != 7 {
		t.Errorf("nothing taken: got %d, %v", got, err)
	}
	taken := func(slot int) bool { return slot == slots-1 || slot == 0 }
	if got, err := freeSlot(slots-1, taken); err != nil || got != 1 {
		t.Errorf("the last and the first taken: got %d, %v", got, err)
	}
	if _, err := freeSlot(3, func(int) bool { return true }); err == nil {
		t.Error("a slot was found where all are taken")
	}
}

func TestNamesThatAreNoPathsAreTaken(t *testing.T) {
	for _, name := range []string{"", "A", "1a", "a/b", "..", "a b", "-a", strings.Repeat("a", 32)} {
		if _, err := newLayout(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestComponentsAreFoundByTheirShortNameWithOneNode(t *testing.T) {
	st := &state{Nodes: 1, Processes: map[string]host.Process{"etcd": {}, "node1-kubelet": {}, "node1-holder": {}}}
	for name, want := range map[string]string{"etcd": "etcd", "kubelet": "node1-kubelet", "node1-kubelet": "node1-kubelet", "holder": "", "node1-holder": "", "x": ""} {
		if got, err := st.find(name); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	st = &state{Nodes: 2, Processes: map[string]host.Process{"etcd": {}, "node1-kubelet": {}, "node2-kubelet": {}}}
	for name, want := range map[string]string{"etcd": "etcd", "kubelet": "", "node2-kubelet": "node2-kubelet"} {
		if got, err := st.find(name); got != want || (err == nil) != (want != "") {
			t.Errorf("two nodes, %s: got %q, %v", name, got, err)
		}
	}
}

func TestAComponentsNodeIsToldByItsName(t *testing.T) {
	st := &state{Nodes: 2}
	for name, want := range map[string]int{"etcd": 1, "controller-manager": 1, "node1-kubelet": 1, "node2-proxy": 2} {
		if got := st.nodeOf(name); got != want {
			t.Errorf("%s: got %d", name, got)
		}
	}
}
