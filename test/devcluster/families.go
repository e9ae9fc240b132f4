package main

import (
	"fmt"
	"os"
)

// The IPv6 ranges inside a cluster: unique local addresses (RFC 4193), to which no
// route leads from outside.
const (
	serviceRange6 = "fd98:96::/108"
	podRange6     = "fd98:244::/48"
)

func podRange6Of(node int) string { return fmt.Sprintf("fd98:244:0:%x::/64", node) }

// nodeAddress6 is among the nodes alone: the host has no IPv6 on its link to them.
func (l layout) nodeAddress6(node int) string {
	return fmt.Sprintf("fd98:19:0:%x::%x", l.slot, 9+node)
}

// settings6 has a kernel's settings of IPv6, when it has IPv6.
const settings6 = "/proc/sys/net/ipv6/conf/all"

// families tells whether the cluster gets IPv6 beside IPv4, and says why not.
func families(onlyIPv4 bool, say func(string, ...any)) (dualStack bool) {
	if onlyIPv4 {
		return false
	}
	if _, err := os.Stat(settings6); err != nil {
		say("this kernel has no IPv6: the cluster is of IPv4 alone")
		return false
	}
	return true
}

// both joins what there is of each family, IPv4 first, as Kubernetes takes it.
func (l layout) both(ipv4, ipv6 string) string {
	if !l.dualStack {
		return ipv4
	}
	return ipv4 + "," + ipv6
}

// connect6 are the commands that give the nodes IPv6 too.
func (w wiring) connect6() [][]string {
	// A link-local address of its own would lead the host round the firewall.
	off := "/proc/sys/net/ipv6/conf/" + w.link() + "/disable_ipv6"
	commands := [][]string{{"sh", "-c", "[ ! -e " + off + " ] || echo 1 > " + off}}
	if !w.dualStack {
		return commands
	}
	for node := 1; node <= len(w.holders); node++ {
		commands = append(commands,
			w.in(node, "sh", "-c", noDetection+"echo 0 > "+settings6+"/disable_ipv6; echo 1 > "+settings6+"/forwarding"),
			w.in(node, "ip", "-6", "addr", "add", w.nodeAddress6(node)+"/64", "dev", "lan"),
			// Whatever is not the cluster's goes nowhere, but by a link: the kernel has no IPv6
			// routes by lo, and what has no route does not get as far as kube-proxy's rules.
			w.in(node, "ip", "link", "add", nowhere, "type", "veth", "peer", "name", nowhere+"-end"),
			w.in(node, "ip", "link", "set", nowhere, "up"),
			w.in(node, "ip", "link", "set", nowhere+"-end", "up"),
			w.in(node, "ip", "-6", "route", "add", "default", "dev", nowhere),
		)
	}
	for node := 1; node <= len(w.holders); node++ {
		for other := 1; other <= len(w.holders); other++ {
			if other != node {
				commands = append(commands, w.in(node, "ip", "-6", "route", "add", podRange6Of(other), "via", w.nodeAddress6(other)))
			}
		}
	}
	return commands
}

// noDetection: nobody else has an address here, and to ask for it (RFC 4862, duplicate
// address detection) keeps each new address, and so each new pod, waiting for seconds.
const noDetection = "for f in all default; do echo 0 > /proc/sys/net/ipv6/conf/$f/accept_dad; done; "

// nowhere is the link by which a node's IPv6 packets would leave the cluster.
const nowhere = "nowhere"

// refusal6 is the router beyond that link, after kube-proxy's rules (priority 0): it
// knows no way. What kube-proxy has translated meanwhile goes to a pod.
const refusal6 = `table ip6 devcluster {
  chain forward { type filter hook forward priority 10; oifname "` + nowhere + `" reject with icmpv6 no-route; }
  chain output { type filter hook output priority 10; ct status dnat accept; oifname "` + nowhere + `" reject with icmpv6 no-route; }
}
`

// firewall6 keeps IPv6 off the link to the host.
const firewall6 = `table netdev devcluster {
  chain in { type filter hook ingress device "` + hostPort + `" priority 0; meta protocol ip6 drop; }
}
`
