package sandbox

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// podLinkName is what the link of nearly every pod is called.
const podLinkName = "eth0"

// podLinkPeer is the other end where a veth pair has to do.
const podLinkPeer = "kubetunnel"

// vethAddress is the Ethernet address of a pod's link: every frame is for it, nobody
// else is there.
var vethAddress = []byte{0x02, 0x6b, 0x74, 0x00, 0x00, 0x01}

// podMTU is as large as IP packets get: fewer of them cross.
const podMTU = 65520

// The kinds of a pod's link.
const (
	deviceTUN  = "tun"
	deviceVeth = "veth"
)

// virtioHeaderSize is what stands before each packet: struct virtio_net_hdr.
const virtioHeaderSize = 10

// makePodLink makes the only link of this network namespace, and gives the
// descriptor behind which our netstack is the rest of the world.
func makePodLink(noTUN bool) (fd int, device string, err error) {
	if lo, err := net.InterfaceByName("lo"); err != nil {
		return -1, "", err
	} else if err := setLinkUp(lo.Index, 0, false); err != nil {
		return -1, "", err
	}
	device = deviceTUN
	fd, err = -1, unix.EACCES
	if !noTUN {
		fd, err = openTUN(podLinkName)
	}
	if err != nil {
		// Usually /dev/net/tun is not there, or not for this user.
		device = deviceVeth
		if fd, err = openVeth(podLinkName, podLinkPeer); err != nil {
			return -1, "", err
		}
	}
	if err := upPodLink(device == deviceVeth); err != nil {
		_ = unix.Close(fd)
		return -1, "", err
	}
	return fd, device, nil
}

func upPodLink(noarp bool) error {
	link, err := net.InterfaceByName(podLinkName)
	if err != nil {
		return err
	}
	quietIPv6(podLinkName)
	return setLinkUp(link.Index, podMTU, noarp)
}

// addressPodLink gives the link the pod's addresses, and makes it the way to all others.
func addressPodLink(addresses []netip.Addr) error {
	link, err := net.InterfaceByName(podLinkName)
	if err != nil {
		return err
	}
	routed := map[byte]bool{}
	for _, a := range addresses {
		if err := addAddress(link.Index, a); err != nil {
			return err
		}
		if routed[family(a)] {
			continue
		}
		routed[family(a)] = true
		if err := addDefaultRoute(link.Index, a); err != nil {
			return err
		}
	}
	return nil
}

// quietIPv6 keeps the kernel from giving the link addresses of its own and from
// asking for routers; where /proc/sys can't be written, nobody answers it.
func quietIPv6(link string) {
	for name, value := range map[string]string{"addr_gen_mode": "1", "accept_ra": "0", "accept_dad": "0", disableIPv6: "0"} {
		setIPv6(link, name, value)
	}
}

// disableIPv6 is the kernel's setting that keeps a link without IPv6.
const disableIPv6 = "disable_ipv6"

func setIPv6(link, name, value string) {
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+link+"/"+name, []byte(value), 0)
}

// takesIPv6 tells whether the pod's link can have IPv6 addresses: some machines'
// kernels have been told to do without.
func takesIPv6() bool {
	off, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + podLinkName + "/" + disableIPv6)
	return err == nil && strings.TrimSpace(string(off)) == "0"
}

// openTUN makes a TUN device whose packets are whole TCP segments of up to 64 KiB,
// with checksums left to do (IFF_VNET_HDR).
func openTUN(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("making a TUN device: %w", err)
	}
	return fd, nil
}

// freePorts lets everybody bind every port; false where /proc/sys can't be written.
func freePorts() bool {
	_ = os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte(strconv.Itoa(os.Getgid())+" "+strconv.Itoa(os.Getgid())), 0)
	// All of a pod's connections go through one link to one place: their ports may be
	// used again after a second, or a benchmark runs out of them.
	_ = os.WriteFile("/proc/sys/net/ipv4/tcp_tw_reuse", []byte("1"), 0)
	return os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte("0"), 0) == nil
}
