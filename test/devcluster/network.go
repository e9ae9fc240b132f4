package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// wiring are the commands that give the nodes their network: a bridge in the
// first node's namespace, to which the host and the other nodes are linked.
type wiring struct {
	layout
	holders []host.Process
}

func (w wiring) connect(ctx context.Context) error {
	commands := append(w.firstNode(), w.hostLink()...)
	for node := 2; node <= len(w.holders); node++ {
		commands = append(commands, w.furtherNode(node)...)
	}
	for node := 1; node <= len(w.holders); node++ {
		commands = append(commands, w.routes(node)...)
	}
	commands = append(commands, w.connect6()...)
	for _, command := range commands {
		if err := host.Run(ctx, command...); err != nil {
			return err
		}
	}
	for node := 1; node <= len(w.holders); node++ {
		rules := firewall(w.hostAddress())
		if node == 1 {
			rules += firewall6
		}
		if w.dualStack {
			rules += refusal6
		}
		if err := host.RunWith(ctx, rules, w.in(node, "nft", "-f", "-")...); err != nil {
			return err
		}
	}
	return nil
}

func (w wiring) pid(node int) string { return strconv.Itoa(w.holders[node-1].PID) }

// in runs a command in a node's network.
func (w wiring) in(node int, args ...string) []string {
	return append([]string{"nsenter", "-t", w.pid(node), "--net", "--"}, args...)
}

func (w wiring) firstNode() [][]string {
	return [][]string{
		w.in(1, "ip", "link", "set", "lo", "up"),
		w.in(1, "ip", "link", "add", "lan", "type", "bridge"),
		w.in(1, "ip", "addr", "add", w.nodeAddress(1)+"/24", "dev", "lan"),
		w.in(1, "ip", "link", "set", "lan", "up"),
	}
}

func (w wiring) hostLink() [][]string {
	return [][]string{
		{"ip", "link", "add", w.link(), "type", "veth", "peer", "name", hostPort, "netns", w.pid(1)},
		{"ip", "link", "set", w.link(), "alias", w.Name},
		w.in(1, "ip", "link", "set", hostPort, "master", "lan", "up"),
		{"ip", "addr", "add", w.hostAddress() + "/24", "dev", w.link()},
		{"ip", "link", "set", w.link(), "up"},
	}
}

// hostPort is the first node's end of the link to the host.
const hostPort = "host0"

func (w wiring) furtherNode(node int) [][]string {
	port := nodeName(node)
	return [][]string{
		w.in(node, "ip", "link", "set", "lo", "up"),
		w.in(1, "ip", "link", "add", port, "type", "veth", "peer", "name", "lan", "netns", w.pid(node)),
		w.in(1, "ip", "link", "set", port, "master", "lan", "up"),
		w.in(node, "ip", "addr", "add", w.nodeAddress(node)+"/24", "dev", "lan"),
		w.in(node, "ip", "link", "set", "lan", "up"),
	}
}

func (w wiring) routes(node int) [][]string {
	commands := [][]string{
		// Whatever is not the cluster's goes nowhere.
		w.in(node, "ip", "route", "add", "default", "dev", "lo"),
		w.in(node, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"),
	}
	for other := range w.holders {
		if other+1 != node {
			commands = append(commands, w.in(node, "ip", "route", "add", podRangeOf(other+1), "via", w.nodeAddress(other+1)))
		}
	}
	return commands
}

// firewall keeps host and cluster apart: the host reaches the API server, and
// nothing in the cluster reaches the host by itself.
func firewall(hostAddress string) string {
	return strings.ReplaceAll(`table inet devcluster {
  chain input {
    type filter hook input priority -10
    ip saddr HOST ct state established,related accept
    ip saddr HOST tcp dport 6443 accept
    ip saddr HOST meta l4proto icmp accept
    ip saddr HOST reject
  }
  chain forward {
    type filter hook forward priority -10
    ip saddr HOST reject
    ip daddr HOST reject
  }
  chain output {
    type filter hook output priority -10
    ip daddr HOST ct state new reject
  }
}
`, "HOST", hostAddress)
}

// interfacesDir has a folder for each network interface.
const interfacesDir = "/sys/class/net"

func linkExists(name string) bool {
	_, err := os.Stat(filepath.Join(interfacesDir, name))
	return err == nil
}

// ownLinks are the host's interfaces that are marked as this cluster's.
func (l layout) ownLinks() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(interfacesDir, linkPrefix+"*", "ifalias"))
	if err != nil {
		return nil, err
	}
	var own []string
	for _, file := range files {
		alias, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(alias)) == l.Name {
			own = append(own, filepath.Base(filepath.Dir(file)))
		}
	}
	return own, nil
}

// removeLinks removes the link to the host. It goes with the first node's
// namespace too, which the kernel may free meanwhile.
func (l layout) removeLinks(ctx context.Context) error {
	own, err := l.ownLinks()
	if err != nil {
		return err
	}
	for _, link := range own {
		if err := host.Run(ctx, "ip", "link", "del", link); err != nil && linkExists(link) {
			return fmt.Errorf("remove interface %s: %w", link, err)
		}
	}
	return nil
}
