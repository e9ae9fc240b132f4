package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// podNIC is the netstack's only interface.
const podNIC = 1

// maxPendingDials bounds connections whose far side has not answered.
const maxPendingDials = 4096

// podNetwork is everything that a pod sees beyond its link: a netstack which answers
// for every address, dials the far side of each connection before it accepts it, and
// lets this process connect to the pod from any address.
//
// Each connection and each UDP flow has a goroutine or two; they end with it, and all
// with close.
type podNetwork struct {
	stack     *stack.Stack
	link      *linkEndpoint
	log       *slog.Logger
	addresses []netip.Addr
	hosts     *destinations
	dns       *nameServer
	ctx       context.Context // of everything that is served; ends with close
	cancel    context.CancelFunc
	tasks     sync.WaitGroup
	mu        sync.Mutex
	closed    bool
	// flows counts the UDP flows.
	flows atomic.Int32
	// syns are the sequence numbers of pending connections, for errors by ICMP.
	syns sync.Map // stack.TransportEndpointID → uint32
	once sync.Once
}

func newPodNetwork(cfg Config, file *os.File, ethernet bool, log *slog.Logger) (*podNetwork, error) {
	link, err := newLinkEndpoint(file, ethernet)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	n := &podNetwork{link: link, log: log, addresses: cfg.Pod.addresses(), hosts: newDestinations(cfg)}
	n.dns = newNameServer(cfg, n.hosts, log)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol},
	})
	if err := n.configure(); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *podNetwork) configure() error {
	// A SYN that meets an endpoint in TIME_WAIT would be lost to the forwarder.
	wait := tcpip.TCPTimeWaitTimeoutOption(time.Millisecond)
	sack := tcpip.TCPSACKEnabled(true)
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	// Nothing is lost or reordered on this link, which RACK is for.
	recovery := tcpip.TCPRecovery(0)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 8 << 20}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 8 << 20}
	for _, option := range []tcpip.SettableTransportProtocolOption{&wait, &sack, &moderate, &recovery, &receive, &send} {
		if err := n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return fmt.Errorf("netstack option %T: %s", option, err)
		}
	}
	if err := n.stack.CreateNIC(podNIC, n.link); err != nil {
		return fmt.Errorf("netstack interface: %s", err)
	}
	if err := n.stack.SetPromiscuousMode(podNIC, true); err != nil {
		return fmt.Errorf("netstack interface: %s", err)
	}
	if err := n.stack.SetSpoofing(podNIC, true); err != nil {
		return fmt.Errorf("netstack interface: %s", err)
	}
	n.stack.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: podNIC},
		{Destination: header.IPv6EmptySubnet, NIC: podNIC},
	})
	tcps := tcp.NewForwarder(n.stack, 0, maxPendingDials, n.serveTCP)
	n.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, func(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
		if h := header.TCP(pkt.TransportHeader().Slice()); len(h) >= header.TCPMinimumSize && h.Flags() == header.TCPFlagSyn {
			n.syns.Store(id, h.SequenceNumber())
		}
		return tcps.HandlePacket(id, pkt)
	})
	udps := udp.NewForwarder(n.stack, n.takeUDP)
	n.stack.SetTransportProtocolHandler(udp.ProtocolNumber, udps.HandlePacket)
	return nil
}

// spawn runs a task of close's, unless that was called.
func (n *podNetwork) spawn(task func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.tasks.Go(task)
	return true
}

func (n *podNetwork) close() {
	n.once.Do(func() {
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		n.cancel()
		n.link.Close()
		n.stack.Close()
		n.tasks.Wait()
		n.stack.Destroy()
	})
}

// flow is one connection's ends: the program's and the one it wants.
type flow struct{ from, to netip.AddrPort }

func flowOf(id stack.TransportEndpointID) flow {
	return flow{from: netip.AddrPortFrom(toNetip(id.RemoteAddress), id.RemotePort), to: netip.AddrPortFrom(toNetip(id.LocalAddress), id.LocalPort)}
}

func toNetip(a tcpip.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return addr
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: podNIC, Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}

// dial connects to the pod's port from a caller's address. Without one, or when it
// can't be used, it is the alias.
func (n *podNetwork) dial(ctx context.Context, source netip.AddrPort, port int) (net.Conn, error) {
	source = netip.AddrPortFrom(source.Addr().Unmap().WithZone(""), source.Port())
	to, ok := firstOf(n.addresses, source.Addr().Is6())
	if !ok || !source.IsValid() || !shownAsSource(source.Addr(), n.addresses) {
		to, ok = firstOf(n.addresses, false)
		source = netip.AddrPortFrom(HostAlias, 0)
		if !ok {
			to = n.addresses[0]
			source = netip.AddrPortFrom(hostAlias6, 0)
		}
	}
	conn, err := n.connect(ctx, source, netip.AddrPortFrom(to, uint16(port)))
	var busy *portBusyError
	if errors.As(err, &busy) {
		return n.connect(ctx, netip.AddrPortFrom(source.Addr(), 0), netip.AddrPortFrom(to, uint16(port)))
	}
	return conn, err
}

// hostAlias6 stands for the workstation where the pod has IPv6 alone.
var hostAlias6 = netip.MustParseAddr("fd4b:7477:6e6c::1")

// shownAsSource: the kernel inside drops packets from its own and from loopback addresses.
func shownAsSource(a netip.Addr, own []netip.Addr) bool {
	for _, o := range own {
		if o == a {
			return false
		}
	}
	return !a.IsLoopback() && !a.IsMulticast() && !a.IsUnspecified()
}

// portBusyError: the source's port is in use here.
type portBusyError struct{ err tcpip.Error }

func (e *portBusyError) Error() string { return e.err.String() }

func (n *podNetwork) connect(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	if n.ctx.Err() != nil {
		return nil, ErrClosed
	}
	protocol := ipv4.ProtocolNumber
	if to.Addr().Is6() {
		protocol = ipv6.ProtocolNumber
	}
	var queue waiter.Queue
	ep, failed := n.stack.NewEndpoint(tcp.ProtocolNumber, protocol, &queue)
	if failed != nil {
		return nil, dialError(to, failed)
	}
	entry, connected := waiter.NewChannelEntry(waiter.WritableEvents)
	queue.EventRegister(&entry)
	defer queue.EventUnregister(&entry)
	if failed = ep.Bind(fullAddress(from)); failed != nil {
		ep.Close()
		return nil, &portBusyError{failed}
	}
	failed = ep.Connect(fullAddress(to))
	if _, started := failed.(*tcpip.ErrConnectStarted); started {
		select {
		case <-connected:
			failed = ep.LastError()
		case <-ctx.Done():
			ep.Abort()
			return nil, ctx.Err()
		case <-n.ctx.Done():
			ep.Abort()
			return nil, ErrClosed
		}
	}
	if failed != nil {
		ep.Close()
		return nil, dialError(to, failed)
	}
	return stackConn{TCPConn: gonet.NewTCPConn(&queue, ep), ep: ep}, nil
}

// dialError is what net would say.
func dialError(to netip.AddrPort, failed tcpip.Error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: stackErrno(failed)}
}

func stackErrno(failed tcpip.Error) error {
	switch failed.(type) {
	case *tcpip.ErrConnectionRefused:
		return syscall.ECONNREFUSED
	case *tcpip.ErrConnectionReset, *tcpip.ErrConnectionAborted:
		return syscall.ECONNRESET
	case *tcpip.ErrTimeout:
		return syscall.ETIMEDOUT
	case *tcpip.ErrHostUnreachable, *tcpip.ErrHostDown:
		return syscall.EHOSTUNREACH
	case *tcpip.ErrNetworkUnreachable:
		return syscall.ENETUNREACH
	}
	return errors.New(failed.String())
}

// stackConn is a connection of the netstack that can be reset.
type stackConn struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

// Abort ends it with a reset.
func (c stackConn) Abort() { c.ep.Abort() }
