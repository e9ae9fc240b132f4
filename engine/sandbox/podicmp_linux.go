package sandbox

import (
	"encoding/binary"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// reason is why a packet can't be delivered.
type reason int

const (
	hostUnreachable reason = iota
	networkUnreachable
	portUnreachable
)

// quoted is how much of a program's packet an ICMP message repeats: the ports, and of
// TCP the sequence number, by which the kernel knows its own.
const quoted = 8

// unreachable makes the ICMP message that a router would send for the first packet of
// a flow. The netstack itself sends none for connections that it has taken.
func unreachable(f flow, protocol uint8, sequence uint32, why reason) []byte {
	var transport [quoted]byte
	binary.BigEndian.PutUint16(transport[0:], f.from.Port())
	binary.BigEndian.PutUint16(transport[2:], f.to.Port())
	if protocol == syscall.IPPROTO_UDP {
		binary.BigEndian.PutUint16(transport[4:], quoted)
	} else {
		binary.BigEndian.PutUint32(transport[4:], sequence)
	}
	if f.to.Addr().Is4() {
		return unreachable4(f, protocol, transport[:], why)
	}
	return unreachable6(f, protocol, transport[:], why)
}

func unreachable4(f flow, protocol uint8, transport []byte, why reason) []byte {
	program, far := tcpip.AddrFromSlice(f.from.Addr().AsSlice()), tcpip.AddrFromSlice(f.to.Addr().AsSlice())
	p := make([]byte, header.IPv4MinimumSize+header.ICMPv4MinimumSize+header.IPv4MinimumSize+quoted)
	ip := header.IPv4(p)
	ip.Encode(&header.IPv4Fields{TotalLength: uint16(len(p)), TTL: 64, Protocol: uint8(header.ICMPv4ProtocolNumber), SrcAddr: far, DstAddr: program})
	ip.SetChecksum(^ip.CalculateChecksum())
	message := header.ICMPv4(p[header.IPv4MinimumSize:])
	message.SetType(header.ICMPv4DstUnreachable)
	message.SetCode(map[reason]header.ICMPv4Code{
		hostUnreachable: header.ICMPv4HostUnreachable, networkUnreachable: header.ICMPv4NetUnreachable, portUnreachable: header.ICMPv4PortUnreachable,
	}[why])
	original := header.IPv4(p[header.IPv4MinimumSize+header.ICMPv4MinimumSize:])
	original.Encode(&header.IPv4Fields{TotalLength: header.IPv4MinimumSize + quoted, TTL: 64, Protocol: protocol, SrcAddr: program, DstAddr: far})
	original.SetChecksum(^original.CalculateChecksum())
	copy(original[header.IPv4MinimumSize:], transport)
	message.SetChecksum(^checksum.Checksum(message, 0))
	return p
}

func unreachable6(f flow, protocol uint8, transport []byte, why reason) []byte {
	program, far := tcpip.AddrFromSlice(f.from.Addr().AsSlice()), tcpip.AddrFromSlice(f.to.Addr().AsSlice())
	p := make([]byte, header.IPv6MinimumSize+header.ICMPv6DstUnreachableMinimumSize+header.IPv6MinimumSize+quoted)
	header.IPv6(p).Encode(&header.IPv6Fields{
		PayloadLength: uint16(len(p) - header.IPv6MinimumSize), TransportProtocol: header.ICMPv6ProtocolNumber, HopLimit: 64, SrcAddr: far, DstAddr: program,
	})
	message := header.ICMPv6(p[header.IPv6MinimumSize:])
	message.SetType(header.ICMPv6DstUnreachable)
	message.SetCode(map[reason]header.ICMPv6Code{
		hostUnreachable: header.ICMPv6AddressUnreachable, networkUnreachable: header.ICMPv6NetworkUnreachable, portUnreachable: header.ICMPv6PortUnreachable,
	}[why])
	original := p[header.IPv6MinimumSize+header.ICMPv6DstUnreachableMinimumSize:]
	header.IPv6(original).Encode(&header.IPv6Fields{
		PayloadLength: quoted, TransportProtocol: tcpip.TransportProtocolNumber(protocol), HopLimit: 64, SrcAddr: program, DstAddr: far,
	})
	copy(original[header.IPv6MinimumSize:], transport)
	message.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: message, Src: far, Dst: program}))
	return p
}
