package link

import (
	"net/netip"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// routes are the user's word on where hosts are reached; it goes before all that is found out.
type routes struct {
	cluster, workstation []route
}

// route is a range of addresses, or a domain with all that is below it.
type route struct {
	network netip.Prefix
	domain  string
}

func parseRoutes(cfg engine.LinkConfig) (r routes, err error) {
	if r.cluster, err = parseRouteList("viaCluster", cfg.ViaCluster); err != nil {
		return r, err
	}
	r.workstation, err = parseRouteList("viaWorkstation", cfg.ViaWorkstation)
	return r, err
}

func parseRouteList(field string, texts []string) ([]route, error) {
	var list []route
	for _, text := range texts {
		one, ok := parseRoute(text)
		if !ok {
			return nil, protocol.Errorf(protocol.CodeInvalidParams,
				"%s: %q is no address, range or domain: write it as 10.8.0.0/16, 192.0.2.7 or corp.example.com", field, text)
		}
		list = append(list, one)
	}
	return list, nil
}

func parseRoute(text string) (route, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return route{network: p.Masked()}, true
	}
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return route{network: netip.PrefixFrom(a, a.BitLen())}, true
	}
	domain := strings.Trim(strings.TrimPrefix(strings.ToLower(text), "*."), ".")
	if domain == "" || strings.ContainsAny(domain, "/:* \t") {
		return route{}, false
	}
	return route{domain: domain}, true
}

// fit is how closely a route fits a host: the number of leading bits or of characters, -1 if it doesn't.
func (r route) fit(host string, addr netip.Addr) int {
	switch {
	case addr.IsValid():
		if r.network.IsValid() && r.network.Contains(addr) {
			return r.network.Bits()
		}
	case r.domain != "" && (host == r.domain || strings.HasSuffix(host, "."+r.domain)):
		return len(r.domain)
	}
	return -1
}

// find gives the side of a host that the closest route names; of two that fit alike
// the workstation's counts. The zero Addr is of a host that is a name.
func (r routes) find(host string, addr netip.Addr) (cluster, known bool) {
	closest := func(list []route) int {
		best := -1
		for _, one := range list {
			best = max(best, one.fit(host, addr))
		}
		return best
	}
	here, there := closest(r.workstation), closest(r.cluster)
	return there > here, max(here, there) >= 0
}
