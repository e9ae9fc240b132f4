package agent

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/kubetunnel/kubetunnel/operator/control"
)

const (
	protocolTCP = "TCP"
	protocolUDP = "UDP"
)

// portKey tells listeners apart: a Service may have the same number by TCP and UDP.
type portKey struct {
	protocol string
	target   int32
}

// port is one target port that the agent listens on; its listener has goroutines
// of its own, which end when it is closed.
type port struct {
	listener io.Closer
	err      error // why it can't be listened on

	mu   sync.Mutex
	info control.Port
}

// applyPorts opens and closes listeners; the agent's lock is held.
func (a *Agent) applyPorts(wanted []control.Port) {
	named := map[portKey]bool{}
	for _, w := range wanted {
		if w.Protocol == "" {
			w.Protocol = protocolTCP
		}
		key := portKey{w.Protocol, w.TargetPort}
		named[key] = true
		if known := a.ports[key]; known != nil && known.err == nil {
			known.update(w)
			continue
		}
		a.ports[key] = a.open(w)
	}
	for key, p := range a.ports {
		if !named[key] {
			delete(a.ports, key)
			p.close()
		}
	}
}

// beginPorts listens on the ports that the agent was started with, unless the operator
// has spoken already.
func (a *Agent) beginPorts() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.desired.Ports == nil {
		a.desired.Ports = a.cfg.Ports
		a.applyPorts(a.desired.Ports)
	}
}

// open listens on all addresses of both families.
func (a *Agent) open(info control.Port) *port {
	p := &port{info: info}
	address := fmt.Sprintf(":%d", info.TargetPort)
	switch {
	case info.TargetPort < 1 || info.TargetPort > 65535:
		p.err = fmt.Errorf("%d is no port", info.TargetPort)
	case info.Protocol == protocolTCP:
		var l net.Listener
		if l, p.err = net.Listen("tcp", address); p.err == nil {
			p.listener = l
			a.group.Go(func() { a.acceptCalls(l, p) })
		}
	case info.Protocol == protocolUDP:
		var l net.PacketConn
		if l, p.err = net.ListenPacket("udp", address); p.err == nil {
			p.listener = l
			a.group.Go(func() { a.relayDatagrams(l, p) })
		}
	default:
		p.err = fmt.Errorf("protocol %s is not known", info.Protocol)
	}
	if p.err != nil {
		a.cfg.Log.Error("can't listen", "port", info.TargetPort, "protocol", info.Protocol, "error", p.err)
	}
	return p
}

func (p *port) update(info control.Port) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.info = info
}

func (p *port) present() control.Port {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.info
}

func (p *port) close() {
	if p.listener != nil {
		_ = p.listener.Close()
	}
}

// closePorts closes all listeners and waits for nothing.
func (a *Agent) closePorts() {
	a.mu.Lock()
	ports := a.ports
	a.ports = map[portKey]*port{}
	a.mu.Unlock()
	for _, p := range ports {
		p.close()
	}
}

// observePorts tells what is listened on; the agent's lock is held. A number that
// is wanted by both protocols counts when both are bound.
func (a *Agent) observePorts() (listening []int32, failures []control.PortFailure) {
	listening = []int32{}
	failed := map[int32]bool{}
	for key, p := range a.ports {
		if p.err != nil {
			failures = append(failures, control.PortFailure{TargetPort: key.target, Error: p.err.Error()})
			failed[key.target] = true
		}
	}
	for key := range a.ports {
		if !failed[key.target] {
			listening = append(listening, key.target)
		}
	}
	slices.Sort(listening)
	slices.SortFunc(failures, func(x, y control.PortFailure) int {
		if x.TargetPort != y.TargetPort {
			return int(x.TargetPort - y.TargetPort)
		}
		return len(x.Error) - len(y.Error)
	})
	return slices.Compact(listening), failures
}
