package cluster

import (
	"context"
	"io"
	"time"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// headStart is how long the preferred way to the agent may take before the other
// one is tried beside it.
const headStart = 500 * time.Millisecond

// carrier makes a connection to the agent in one of the possible ways.
type carrier func(context.Context) (io.ReadWriteCloser, error)

// dialAgent makes a connection to where an agent takes tunnels: through the API
// server's proxy to pods where that works, else by port-forward. Which one it was
// is remembered, so that the detour is made once.
func (c *Client) dialAgent(ctx context.Context, namespace string, agent *v1alpha1.InterceptAgent) (io.ReadWriteCloser, protocol.Carrier, error) {
	forward := func(ctx context.Context) (io.ReadWriteCloser, error) {
		return c.forwardPod(ctx, namespace, agent.Pod, agent.TunnelPort)
	}
	if agent.UpgradePort == 0 || c.forwards.Load() {
		conn, err := forward(ctx)
		return conn, protocol.CarrierPortForward, err
	}
	conn, second, err := race(ctx, headStart, func(ctx context.Context) (io.ReadWriteCloser, error) {
		return c.upgradePod(ctx, namespace, agent.Pod, agent.UpgradePort)
	}, forward)
	if second {
		c.forwards.Store(true)
		return conn, protocol.CarrierPortForward, err
	}
	return conn, protocol.CarrierProxy, err
}

// race dials by first, and by second as soon as first has failed or its head start
// is over. The one that is there earlier is given, with whether it is the second;
// the other one is closed. When both fail, the error is second's: it is what is
// documented to work everywhere.
func race(ctx context.Context, headStart time.Duration, first, second carrier) (conn io.ReadWriteCloser, wasSecond bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		conn   io.ReadWriteCloser
		second bool
		err    error
	}
	results := make(chan result)
	running := 0
	start := func(dial carrier, second bool) {
		running++
		go func() {
			conn, err := dial(ctx)
			results <- result{conn, second, err}
		}()
	}
	// What was dialled outlives the context; whoever comes late is closed.
	defer func() {
		cancel()
		go func() {
			for range running {
				if late := <-results; late.conn != nil {
					_ = late.conn.Close()
				}
			}
		}()
	}()
	start(first, false)
	timer := time.NewTimer(headStart)
	defer timer.Stop()
	begin := timer.C
	for {
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-begin:
			begin = nil
			start(second, true)
		case r := <-results:
			running--
			if r.err == nil && ctx.Err() != nil {
				// Both were ready: whoever gave up doesn't get a connection to close.
				_ = r.conn.Close()
				return nil, false, ctx.Err()
			}
			if r.err == nil {
				return r.conn, r.second, nil
			}
			if r.second || err == nil {
				err = r.err
			}
			if begin != nil {
				begin = nil
				start(second, true)
			}
			if running == 0 {
				return nil, false, err
			}
		}
	}
}
