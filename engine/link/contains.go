package link

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// clusterNames is what the pod's resolv.conf says of names, and its addresses of others.
type clusterNames struct {
	// zone is the cluster's domain, such as "cluster.local".
	zone string
	// networks are around the addresses of the pod and its nameservers: some clusters use
	// ranges that are not private ones.
	networks []netip.Prefix
	// named are addresses that the pod's environment names: its node's (status.hostIP), or
	// that of a database which lets in nobody but the cluster.
	named map[netip.Addr]bool
}

// podNames is what is known of a pod from its resolv.conf, addresses and environment.
func podNames(resolvConf string, addresses, env []string) *clusterNames {
	names := parseResolv(resolvConf)
	for _, address := range addresses {
		names.around(address)
	}
	names.named = map[netip.Addr]bool{}
	for _, entry := range env {
		_, value, _ := strings.Cut(entry, "=")
		if a, ok := addressIn(value); ok && !a.IsLoopback() && !a.IsUnspecified() {
			names.named[a] = true
		}
	}
	return names
}

// addressIn takes an address, one with a port, or a URL's.
func addressIn(value string) (netip.Addr, bool) {
	host := strings.TrimSpace(value)
	if u, err := url.Parse(host); err == nil && u.Host != "" {
		host = u.Hostname()
	} else if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap().WithZone(""), err == nil
}

// shared is the range of RFC 6598, which some clusters give to pods.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// around notes the network of an address of the pod's.
func (n *clusterNames) around(address string) {
	a, err := netip.ParseAddr(address)
	if err != nil || a.IsLoopback() {
		return
	}
	a = a.Unmap().WithZone("")
	if shared.Contains(a) {
		n.networks = append(n.networks, shared)
		return
	}
	bits := 64
	if a.Is4() {
		bits = 16
	}
	if network, err := a.Prefix(bits); err == nil {
		n.networks = append(n.networks, network)
	}
}

func (n *clusterNames) contains(a netip.Addr) bool {
	return slices.ContainsFunc(n.networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseResolv finds the zone: the search list of a pod is NS.svc.ZONE, svc.ZONE, ZONE.
func parseResolv(content string) *clusterNames {
	names := &clusterNames{zone: "cluster.local"}
	for _, line := range strings.Split(content, "\n") {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "nameserver" {
			names.around(fields[1])
		}
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		for _, domain := range fields[1:] {
			if zone, ok := strings.CutPrefix(domain, "svc."); ok {
				names.zone = strings.TrimSuffix(zone, ".")
			}
		}
	}
	return names
}

// Contains tells whether a host is the cluster's: as the user's routes say, else
// what is in the cluster's ranges of Services and pods, a name without dots, one in
// the cluster's zone, one that ends in ".svc", an address that is private
// (RFC 1918, RFC 4193) or near the pod's own and not this machine's, one of a cloud's
// metadata services (RFC 3927), which know the pod, one that the pod's environment
// names, or NAME.NAMESPACE, which the pod's resolver is asked about.
func (l *Link) Contains(ctx context.Context, host string) bool {
	if cluster, known := l.Routed(host); known {
		return cluster
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	addr, _ := netip.ParseAddr(host)
	addr = addr.Unmap()
	names := l.domain.Load()
	if names == nil {
		names = parseResolv("")
	}
	if addr.IsValid() {
		if names.named[addr] || l.inRanges(addr) {
			return true
		}
		metadata := addr.Is4() && addr.IsLinkLocalUnicast()
		return (addr.IsPrivate() || metadata || names.contains(addr)) && !ownAddress(addr)
	}
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	switch strings.Count(host, ".") {
	case 0:
		return true
	case 1:
		return !resolvesHere(ctx, host)
	}
	return strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, "."+names.zone)
}

// Routed is the user's word on a host.
func (l *Link) Routed(host string) (cluster, known bool) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	addr, _ := netip.ParseAddr(host)
	return l.routes.find(host, addr.Unmap())
}

// inRanges tells whether the operator has found an address in a range of the
// cluster's. Such a range counts where it overlaps with a network of this machine's, too.
func (l *Link) inRanges(addr netip.Addr) bool {
	ranges := l.ranges.Load()
	return ranges != nil && slices.ContainsFunc(*ranges, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// learnRanges takes what the operator has found out.
func (l *Link) learnRanges(texts []string) {
	var ranges []netip.Prefix
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			ranges = append(ranges, p)
		}
	}
	l.ranges.Store(&ranges)
}

// resolvesHere tells whether the workstation knows a name of two labels: then it
// is a public one such as "example.com", and not Service and namespace.
func resolvesHere(ctx context.Context, host string) bool {
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	return err == nil && len(addrs) > 0
}

func ownAddress(addr netip.Addr) bool {
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Contains(addr) {
			return true
		}
	}
	return false
}
