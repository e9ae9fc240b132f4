package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// holdScript keeps a node's network and mount namespaces alive. The folders that
// the node's programs write to whatever they are told are the node's own there.
func holdScript() string {
	script := "set -e\nmount --make-rprivate /\n"
	for _, path := range hidden() {
		script += fmt.Sprintf("mount -t tmpfs -o mode=0755 kubetunnel %s\n", path)
	}
	return script + "exec sleep infinity\n"
}

// hidden are folders that must exist for holdScript to cover them; those that
// were not there are removed again by down.
func hidden() []string {
	return []string{"/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers", "/run/netns"}
}

// connect gives the node its address, and the first node its link to the host.
func connect(ctx context.Context, l layout, holders []host.Process) error {
	first := itoa(holders[0].PID)
	in := func(pid string, args ...string) error {
		return host.Run(ctx, append([]string{"nsenter", "-t", pid, "--net", "--"}, args...)...)
	}
	commands := []func() error{
		func() error { return in(first, "ip", "link", "set", "lo", "up") },
		func() error { return in(first, "ip", "link", "add", "lan", "type", "bridge") },
		func() error { return in(first, "ip", "addr", "add", l.nodeAddress(1)+"/24", "dev", "lan") },
		func() error { return in(first, "ip", "link", "set", "lan", "up") },
		func() error {
			return host.Run(ctx, "ip", "link", "add", l.link(), "type", "veth", "peer", "name", "host0", "netns", first)
		},
		func() error { return in(first, "ip", "link", "set", "host0", "master", "lan", "up") },
		func() error { return host.Run(ctx, "ip", "addr", "add", l.hostAddress()+"/24", "dev", l.link()) },
		func() error { return host.Run(ctx, "ip", "link", "set", l.link(), "up") },
	}
	for i := 1; i < len(holders); i++ {
		pid, peer := itoa(holders[i].PID), nodeName(i+1)
		commands = append(commands,
			func() error { return in(pid, "ip", "link", "set", "lo", "up") },
			func() error {
				return in(first, "ip", "link", "add", peer, "type", "veth", "peer", "name", "lan", "netns", pid)
			},
			func() error { return in(first, "ip", "link", "set", peer, "master", "lan", "up") },
			func() error { return in(pid, "ip", "addr", "add", l.nodeAddress(i+1)+"/24", "dev", "lan") },
			func() error { return in(pid, "ip", "link", "set", "lan", "up") },
		)
	}
	for n := range holders {
		pid := itoa(holders[n].PID)
		// Whatever is not the cluster's goes nowhere.
		commands = append(commands,
			func() error { return in(pid, "ip", "route", "add", "default", "dev", "lo") },
			func() error { return in(pid, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward") })
		for other := range holders {
			if other != n {
				commands = append(commands, func() error {
					return in(pid, "ip", "route", "add", podRangeOf(other+1), "via", l.nodeAddress(other+1))
				})
			}
		}
	}
	for _, command := range commands {
		if err := command(); err != nil {
			return fmt.Errorf("network: %w", err)
		}
	}
	return nil
}

// linkExists tells whether the host's end of the link is there.
func linkExists(l layout) bool {
	_, err := os.Stat("/sys/class/net/" + l.link())
	return err == nil
}
