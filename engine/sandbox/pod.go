package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Pod is the pod that the processes of a sandbox are to find around themselves.
type Pod struct {
	// Hostname is the pod's, "" = the workstation's.
	Hostname string
	// Addresses are the pod's own: one for each family that the cluster has. None = 169.254.77.2.
	Addresses []netip.Addr
	// ResolvConf and Hosts are /etc/resolv.conf and /etc/hosts as the pod has them; nil = made
	// from the rest. Questions to ResolvConf's nameservers are answered by Resolver.
	ResolvConf, Hosts []byte
	// Resolver answers them.
	Resolver Resolver
	// Workstation is asked for names that Resolver and the cluster don't know; nil = the
	// nameservers of the workstation's /etc/resolv.conf.
	Workstation Resolver
	// Mounts are the pod's volumes and files. A mount of a folder comes before those below it.
	Mounts []Mount
}

// Resolver is the resolver of the pod: in the cluster, by way of the agent.
type Resolver interface {
	// Resolve takes a DNS message and gives the answer's, of any length.
	Resolve(ctx context.Context, message []byte) ([]byte, error)
}

// Mount is a folder or file of the pod.
type Mount struct {
	// Path is absolute, as the pod has it. Any bytes but NUL.
	Path string
	// Source is a folder or file on the workstation that is seen there. Changes of it are seen too.
	Source   string
	ReadOnly bool
}

// HostAlias is the address by which the workstation's own loopback is reached from
// inside: 127.0.0.1 there is the pod's own.
var HostAlias = netip.AddrFrom4([4]byte{169, 254, 77, 1})

// HostAliasName is HostAlias's name.
const HostAliasName = "workstation.kubetunnel.internal"

// defaultPodAddress stands in where no address of the pod is known.
var defaultPodAddress = netip.AddrFrom4([4]byte{169, 254, 77, 2})

func (p *Pod) check() error {
	if p.Resolver == nil {
		return errors.New("a pod needs a resolver")
	}
	if len(p.Hostname) > 64 || strings.ContainsRune(p.Hostname, 0) {
		return fmt.Errorf("host name %q: 64 characters at most", p.Hostname)
	}
	for _, a := range p.Addresses {
		if !a.IsValid() || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return fmt.Errorf("%v is not a pod's address", a)
		}
	}
	for _, m := range p.Mounts {
		if !path.IsAbs(m.Path) || path.Clean(m.Path) == "/" || strings.ContainsRune(m.Path, 0) {
			return fmt.Errorf("mount at %q: an absolute path below / is needed", m.Path)
		}
		if !filepath.IsAbs(m.Source) || strings.ContainsRune(m.Source, 0) {
			return fmt.Errorf("mount at %q: the source %q is not absolute", m.Path, m.Source)
		}
	}
	return nil
}

// withoutIPv6 is the pod as a machine without IPv6 can show it.
func (p *Pod) withoutIPv6() *Pod {
	narrow := *p
	narrow.Addresses = slices.DeleteFunc(slices.Clone(p.Addresses), func(a netip.Addr) bool { return a.Unmap().Is6() })
	return &narrow
}

// addresses are the pod's, or the stand-in.
func (p *Pod) addresses() []netip.Addr {
	if len(p.Addresses) == 0 {
		return []netip.Addr{defaultPodAddress}
	}
	out := make([]netip.Addr, len(p.Addresses))
	for i, a := range p.Addresses {
		out[i] = a.Unmap()
	}
	return out
}
