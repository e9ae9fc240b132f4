package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// maxEnvironment bounds what an agent may send: the kernel takes 2 MiB of
// arguments and environment (execve(2)), ConfigMaps hold 1 MiB each.
const maxEnvironment = 16 << 20

func (l *Link) environment(ctx context.Context) (*tunnel.Environment, error) {
	s, err := l.open(ctx, tunnel.Header{Kind: tunnel.KindEnv})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := s.Accepted(ctx); err != nil {
		return nil, err
	}
	var e tunnel.Environment
	if err := json.NewDecoder(io.LimitReader(s, maxEnvironment)).Decode(&e); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	return &e, nil
}

func (l *Link) open(ctx context.Context, h tunnel.Header) (tunnel.Stream, error) {
	session, err := l.current(ctx)
	if err != nil {
		return nil, err
	}
	return session.Open(ctx, h)
}

// DialContext connects from the pod to "host:port". A connection by UDP keeps the
// boundaries of messages.
func (l *Link) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	kind := tunnel.KindTCP
	switch network {
	case "tcp", "tcp4", "tcp6":
	case "udp", "udp4", "udp6":
		kind = tunnel.KindUDP
	default:
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	s, err := l.open(ctx, tunnel.Header{Kind: kind, Target: address})
	if err == nil {
		err = s.Accepted(ctx)
		if err != nil {
			_ = s.Reset()
		}
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: dialError(address, err)}
	}
	if kind == tunnel.KindUDP {
		return &datagramConn{Conn: s, messages: tunnel.NewDatagrams(s)}, nil
	}
	return s, nil
}

// datagramConn is a stream of datagrams as a connection.
type datagramConn struct {
	net.Conn
	messages *tunnel.Datagrams
}

func (c *datagramConn) Read(b []byte) (int, error)  { return c.messages.Read(b) }
func (c *datagramConn) Write(b []byte) (int, error) { return c.messages.Write(b) }

// dialError gives the far side's refusal as what it was there.
func dialError(address string, err error) error {
	var refused *tunnel.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case tunnel.RefusedConnection:
		return syscall.ECONNREFUSED
	case tunnel.RefusedReset:
		return syscall.ECONNRESET
	case tunnel.RefusedUnreachable:
		return syscall.EHOSTUNREACH
	case tunnel.RefusedTimeout:
		return syscall.ETIMEDOUT
	case tunnel.RefusedNoSuchHost:
		host, _, _ := net.SplitHostPort(address)
		return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return err
}

// clusterNames is what the pod's resolv.conf says of names, and its addresses of others.
type clusterNames struct {
	// zone is the cluster's domain, such as "cluster.local".
	zone string
	// networks are around the addresses of the pod and its nameservers: some clusters use
	// ranges that are not private ones.
	networks []netip.Prefix
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

// Contains tells whether a host is the cluster's: a name without dots, one in
// the cluster's zone, one that ends in ".svc", an address that is private
// (RFC 1918, RFC 4193) or near the pod's own and not this machine's, one of a cloud's
// metadata services (RFC 3927), which know the pod, or NAME.NAMESPACE, which the
// pod's resolver is asked about.
func (l *Link) Contains(ctx context.Context, host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	names := l.domain.Load()
	if names == nil {
		names = parseResolv("")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
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
