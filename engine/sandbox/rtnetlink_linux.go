package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// The few questions of rtnetlink(7) that a namespace's own links, addresses and
// routes need. A library for it would be larger than all of this package.

// vethInfoPeer is VETH_INFO_PEER of linux/veth.h.
const vethInfoPeer = 1

type routeMessage []byte

func (m routeMessage) attribute(kind uint16, data []byte) routeMessage {
	m = binary.NativeEndian.AppendUint16(m, uint16(unix.SizeofRtAttr+len(data)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = append(m, data...)
	for len(m)%unix.RTA_ALIGNTO != 0 {
		m = append(m, 0)
	}
	return m
}

func number32(n int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }

// netlinkText is a name as netlink wants it.
func netlinkText(s string) []byte { return append([]byte(s), 0) }

// linkMessage is an ifinfomsg.
func linkMessage(index int, flags, change uint32) routeMessage {
	m := make(routeMessage, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(m[4:], uint32(index))
	binary.NativeEndian.PutUint32(m[8:], flags)
	binary.NativeEndian.PutUint32(m[12:], change)
	return m
}

// addVeth makes a pair of links; the first has the given address.
func addVeth(name, peer string, address []byte) error {
	far := linkMessage(0, 0, 0).attribute(unix.IFLA_IFNAME, netlinkText(peer))
	info := routeMessage(nil).
		attribute(unix.IFLA_INFO_KIND, []byte("veth")).
		attribute(unix.IFLA_INFO_DATA, routeMessage(nil).attribute(vethInfoPeer, far))
	m := linkMessage(0, 0, 0).attribute(unix.IFLA_IFNAME, netlinkText(name)).
		attribute(unix.IFLA_ADDRESS, address).attribute(unix.IFLA_LINKINFO, info)
	return askRoute("link add "+name, unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, m)
}

// setLinkUp brings a link up; mtu 0 leaves it, noarp ends questions for neighbours.
func setLinkUp(index, mtu int, noarp bool) error {
	flags := uint32(unix.IFF_UP)
	if noarp {
		flags |= unix.IFF_NOARP
	}
	m := linkMessage(index, flags, flags)
	if mtu > 0 {
		m = m.attribute(unix.IFLA_MTU, number32(mtu))
	}
	return askRoute("link up", unix.RTM_NEWLINK, 0, m)
}

// moveLink moves a link to the network namespace of a descriptor.
func moveLink(index, namespace int) error {
	m := linkMessage(index, 0, 0).attribute(unix.IFLA_NET_NS_FD, number32(namespace))
	return askRoute("link move", unix.RTM_NEWLINK, 0, m)
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func addAddress(index int, a netip.Addr) error {
	m := make(routeMessage, unix.SizeofIfAddrmsg)
	m[0], m[1] = family(a), byte(a.BitLen())
	if a.Is6() {
		m[2] = unix.IFA_F_NODAD // nobody else is there
	}
	binary.NativeEndian.PutUint32(m[4:], uint32(index))
	m = m.attribute(unix.IFA_LOCAL, a.AsSlice()).attribute(unix.IFA_ADDRESS, a.AsSlice())
	return askRoute("address add "+a.String(), unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, m)
}

// addDefaultRoute sends everything to a link; source is preferred as the sender.
func addDefaultRoute(index int, source netip.Addr) error {
	m := make(routeMessage, unix.SizeofRtMsg)
	m[0] = family(source)
	m[4], m[5], m[6], m[7] = unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST
	m = m.attribute(unix.RTA_OIF, number32(index)).attribute(unix.RTA_PREFSRC, source.AsSlice())
	return askRoute("route add default", unix.RTM_NEWROUTE, unix.NLM_F_CREATE, m)
}

// askRoute sends a request and waits for its acknowledgement.
func askRoute(what string, kind, flags uint16, body routeMessage) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("%s: netlink socket: %w", what, err)
	}
	defer func() { _ = unix.Close(fd) }()
	m := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(body))
	ne := binary.NativeEndian
	ne.PutUint32(m[0:], uint32(unix.NLMSG_HDRLEN+len(body)))
	ne.PutUint16(m[4:], kind)
	ne.PutUint16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	m = append(m, body...)
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	buffer := make([]byte, 4096)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if n < unix.NLMSG_HDRLEN+4 || ne.Uint16(buffer[4:]) != unix.NLMSG_ERROR {
			return fmt.Errorf("%s: an answer of %d bytes that is none", what, n)
		}
		if code := -int32(ne.Uint32(buffer[unix.NLMSG_HDRLEN:])); code != 0 {
			return fmt.Errorf("%s: %w", what, unix.Errno(code))
		}
		return nil
	}
}
