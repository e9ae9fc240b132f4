package sandbox

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
)

// side is where a destination lives.
type side int

const (
	sideWorkstation side = iota // the user's own traffic
	sideCluster
	sideAlias // the workstation's loopback
)

// maxLearned bounds what is remembered of DNS answers.
const maxLearned = 1 << 16

// destinations knows which addresses are the cluster's: those that the engine says,
// and those that a DNS answer has given for one of the cluster's names.
type destinations struct {
	cluster Cluster

	mu sync.Mutex
	// learned tells of addresses in answers whether the cluster has given them.
	learned map[netip.Addr]bool
}

func newDestinations(cfg Config) *destinations {
	return &destinations{cluster: cfg.Cluster, learned: map[netip.Addr]bool{}}
}

// learn notes an address of an answer; the last word counts.
func (d *destinations) learn(a netip.Addr, cluster bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.learned[a]; !known && len(d.learned) >= maxLearned {
		for old := range d.learned {
			delete(d.learned, old)
			break
		}
	}
	d.learned[a] = cluster
}

func (d *destinations) contains(ctx context.Context, host string) bool {
	return d.cluster != nil && d.cluster.Contains(ctx, host)
}

// routed is the user's word on a host.
func (d *destinations) routed(host string) (cluster, known bool) {
	if d.cluster == nil {
		return false, false
	}
	return d.cluster.Routed(host)
}

func (d *destinations) side(ctx context.Context, a netip.Addr) side {
	if a == HostAlias || a == hostAlias6 {
		return sideAlias
	}
	cluster, known := d.routed(a.String())
	if !known {
		d.mu.Lock()
		cluster, known = d.learned[a]
		d.mu.Unlock()
	}
	if !known {
		cluster = d.contains(ctx, a.String())
	}
	if cluster && d.cluster != nil {
		return sideCluster
	}
	return sideWorkstation
}

// dial connects to where an address lives.
func (d *destinations) dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	direct := net.Dialer{Timeout: dialTime}
	switch d.side(ctx, to.Addr()) {
	case sideCluster:
		return d.cluster.DialContext(ctx, network, to.String())
	case sideAlias:
		port := strconv.Itoa(int(to.Port()))
		if network == "udp" {
			return direct.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		}
		// Both loopbacks, whichever the service listens on.
		conn, err := direct.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			if conn6, err6 := direct.DialContext(ctx, network, net.JoinHostPort("::1", port)); err6 == nil {
				return conn6, nil
			}
		}
		return conn, err
	default:
		return direct.DialContext(ctx, network, to.String())
	}
}
