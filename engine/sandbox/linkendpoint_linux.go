package sandbox

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// linkEndpoint is the netstack's end of a pod's link: a TUN device, or a packet
// socket on a veth, whose packets have an Ethernet header as well. Both carry whole
// TCP segments of up to 64 KiB with a struct virtio_net_hdr before them. gVisor's own
// fdbased endpoint does that for sockets alone.
//
// One goroutine reads; it ends when the file is closed.
type linkEndpoint struct {
	file *os.File
	raw  syscall.RawConn
	// ethernet is the header that every packet gets, empty for a TUN device.
	ethernet   []byte
	dispatcher atomic.Pointer[stack.NetworkDispatcher]
	reading    sync.WaitGroup
}

func newLinkEndpoint(file *os.File, ethernet bool) (*linkEndpoint, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	e := &linkEndpoint{file: file, raw: raw}
	if ethernet {
		e.ethernet = make([]byte, header.EthernetMinimumSize)
		copy(e.ethernet[0:6], vethAddress)
		copy(e.ethernet[6:12], vethAddress)
	}
	return e, nil
}

// MTU is the link's.
func (e *linkEndpoint) MTU() uint32 { return podMTU }

// SetMTU does nothing.
func (e *linkEndpoint) SetMTU(uint32) {}

// MaxHeaderLength is none: our headers are written apart.
func (e *linkEndpoint) MaxHeaderLength() uint16 { return 0 }

// LinkAddress is none.
func (e *linkEndpoint) LinkAddress() tcpip.LinkAddress { return "" }

// SetLinkAddress does nothing.
func (e *linkEndpoint) SetLinkAddress(tcpip.LinkAddress) {}

// Capabilities: packets never leave this machine's memory on their way in. Outgoing
// checksums are not left to the link: packets without GSO would carry none.
func (e *linkEndpoint) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityRXChecksumOffload
}

// GSOMaxSize is the largest segment's.
func (e *linkEndpoint) GSOMaxSize() uint32 { return podMTU }

// SupportedGSO leaves segments whole: the kernel on the other side takes them so.
func (e *linkEndpoint) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }

// Attach starts to read.
func (e *linkEndpoint) Attach(d stack.NetworkDispatcher) {
	if d == nil {
		e.dispatcher.Store(nil)
		return
	}
	e.dispatcher.Store(&d)
	e.reading.Go(e.read)
}

// IsAttached tells whether packets have somewhere to go.
func (e *linkEndpoint) IsAttached() bool { return e.dispatcher.Load() != nil }

// Wait waits for the reader.
func (e *linkEndpoint) Wait() { e.reading.Wait() }

// ARPHardwareType is none.
func (e *linkEndpoint) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }

// AddHeader does nothing.
func (e *linkEndpoint) AddHeader(*stack.PacketBuffer) {}

// ParseHeader does nothing.
func (e *linkEndpoint) ParseHeader(*stack.PacketBuffer) bool { return true }

// Close ends the reader.
func (e *linkEndpoint) Close() { _ = e.file.Close() }

// SetOnCloseAction does nothing.
func (e *linkEndpoint) SetOnCloseAction(func()) {}

func (e *linkEndpoint) read() {
	packet := make([]byte, virtioHeaderSize+header.EthernetMinimumSize+1<<16)
	for {
		n, err := e.file.Read(packet)
		if err != nil {
			// ENETDOWN and its like pass: the link is the sandbox's own.
			if errors.Is(err, os.ErrClosed) || !errors.Is(err, unix.ENETDOWN) {
				return
			}
			continue
		}
		ip := packet[min(n, virtioHeaderSize):n]
		if len(e.ethernet) > 0 {
			if len(ip) <= header.EthernetMinimumSize {
				continue
			}
			ip = ip[header.EthernetMinimumSize:]
		}
		e.deliver(ip)
	}
}

func (e *linkEndpoint) deliver(ip []byte) {
	dispatcher := e.dispatcher.Load()
	if dispatcher == nil || len(ip) == 0 || isEcho(ip) {
		return
	}
	protocol := header.IPv4ProtocolNumber
	switch header.IPVersion(ip) {
	case header.IPv4Version:
	case header.IPv6Version:
		protocol = header.IPv6ProtocolNumber
	default:
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(ip)})
	pkt.RXChecksumValidated = true
	(*dispatcher).DeliverNetworkPacket(protocol, pkt)
	pkt.DecRef()
}

// isEcho finds pings. The netstack would answer for every address in the world;
// unanswered they are as in most clusters.
func isEcho(ip []byte) bool {
	switch {
	case header.IPVersion(ip) == header.IPv4Version && len(ip) > header.IPv4MinimumSize:
		h := header.IPv4(ip)
		length := int(h.HeaderLength())
		return h.TransportProtocol() == header.ICMPv4ProtocolNumber && len(ip) > length && header.ICMPv4Type(ip[length]) == header.ICMPv4Echo
	case header.IPVersion(ip) == header.IPv6Version && len(ip) > header.IPv6MinimumSize:
		// Without extension headers, as pings are.
		return header.IPv6(ip).NextHeader() == uint8(header.ICMPv6ProtocolNumber)
	}
	return false
}

// WritePackets writes each packet at once.
func (e *linkEndpoint) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	written := 0
	for _, pkt := range list.AsSlice() {
		if err := e.write(e.virtioHeader(pkt), pkt.AsSlices(), pkt.NetworkProtocolNumber); err != nil {
			if written == 0 {
				return 0, &tcpip.ErrAborted{}
			}
			break
		}
		written++
	}
	return written, nil
}

// virtioHeader says how a large segment is to be cut, should it have to be.
func (e *linkEndpoint) virtioHeader(pkt *stack.PacketBuffer) []byte {
	var h [virtioHeaderSize]byte
	gso := pkt.GSOOptions
	if gso.Type == stack.GSONone {
		return h[:]
	}
	ne := binary.NativeEndian
	link := uint16(len(e.ethernet))
	ne.PutUint16(h[2:], link+uint16(pkt.HeaderSize()))
	if gso.NeedsCsum {
		h[0] = unix.VIRTIO_NET_HDR_F_NEEDS_CSUM
		ne.PutUint16(h[6:], link+gso.L3HdrLen)
		ne.PutUint16(h[8:], gso.CsumOffset)
	}
	if pkt.Data().Size() > int(gso.MSS) {
		h[1] = unix.VIRTIO_NET_HDR_GSO_TCPV4
		if gso.Type == stack.GSOTCPv6 {
			h[1] = unix.VIRTIO_NET_HDR_GSO_TCPV6
		}
		ne.PutUint16(h[4:], gso.MSS)
	}
	return h[:]
}

// inject writes an IP packet that was made by hand.
func (e *linkEndpoint) inject(ip []byte) {
	protocol := header.IPv4ProtocolNumber
	if header.IPVersion(ip) == header.IPv6Version {
		protocol = header.IPv6ProtocolNumber
	}
	_ = e.write(make([]byte, virtioHeaderSize), [][]byte{ip}, protocol)
}

func (e *linkEndpoint) write(virtio []byte, parts [][]byte, protocol tcpip.NetworkProtocolNumber) error {
	pieces := make([][]byte, 1, len(parts)+2)
	pieces[0] = virtio
	if len(e.ethernet) > 0 {
		frame := append([]byte(nil), e.ethernet...)
		binary.BigEndian.PutUint16(frame[12:], uint16(protocol))
		pieces = append(pieces, frame)
	}
	for _, p := range parts {
		if len(p) > 0 {
			pieces = append(pieces, p)
		}
	}
	var failed error
	err := e.raw.Write(func(fd uintptr) bool {
		_, failed = unix.Writev(int(fd), pieces)
		return !errors.Is(failed, unix.EAGAIN)
	})
	// A full queue loses a packet, as networks do.
	if errors.Is(failed, unix.ENOBUFS) {
		failed = nil
	}
	return errors.Join(err, failed)
}
