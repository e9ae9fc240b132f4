package agent

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/kubetunnel/kubetunnel/operator/control"
)

// port is one target port that the agent listens on. Its goroutine accepts until close.
type port struct {
	agent    *Agent
	listener net.Listener
	err      error // why it can't be listened on

	mu   sync.Mutex
	info control.Port
}

// applyPorts opens and closes listeners; the agent's lock is held.
func (a *Agent) applyPorts(wanted []control.Port) {
	named := map[int32]bool{}
	for _, w := range wanted {
		if w.Protocol != "" && w.Protocol != "TCP" {
			continue
		}
		named[w.TargetPort] = true
		if known := a.ports[w.TargetPort]; known != nil && known.err == nil {
			known.update(w)
			continue
		}
		a.ports[w.TargetPort] = a.open(w)
	}
	for target, p := range a.ports {
		if !named[target] {
			delete(a.ports, target)
			p.close()
		}
	}
}

func (a *Agent) open(info control.Port) *port {
	p := &port{agent: a, info: info}
	p.listener, p.err = net.Listen("tcp", fmt.Sprintf(":%d", info.TargetPort))
	if p.err != nil {
		a.cfg.Log.Error("listen", "port", info.TargetPort, "error", p.err)
		return p
	}
	a.group.Go(p.accept)
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

// acceptPause is how long accepting rests when the process has run out of descriptors.
const acceptPause = 20 * time.Millisecond

func (p *port) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.agent.cfg.Log.Warn("accept", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			_ = conn.Close()
			continue
		}
		p.agent.group.Go(func() { p.agent.relay(tcp, p.present()) })
	}
}
