package sandbox

import (
	"context"
	"fmt"
	"net"
	"time"
)

// exposePause is between two attempts to reach a listener that is waited for.
const exposePause = 20 * time.Millisecond

// expose gives the port here, the first of ports that is free (0: of the kernel's choice),
// that leads to the one inside.
func (o *outbound) expose(e Exposure, ports []int, dial func(context.Context) (net.Conn, error)) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if here, known := o.exposed[e.Port]; known {
		return here, nil
	}
	if o.closed {
		return 0, ErrClosed
	}
	var l net.Listener
	var err error
	for _, port := range ports {
		if l, err = o.listener(o.ctx, port); err == nil {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("a port for the session's port %d: %w", e.Port, err)
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		_ = l.Close()
		return 0, fmt.Errorf("a port for the session's port %d: %v is none", e.Port, l.Addr())
	}
	if e.Wait {
		dial = patient(dial)
	}
	answers := e.Answers
	if answers == nil {
		answers = copyAll
	}
	o.forwards = append(o.forwards, l)
	o.exposed[e.Port] = address.Port
	o.tasks.Go(func() {
		o.accept(l, func(conn net.Conn) { o.lead(conn, fmt.Sprintf("127.0.0.1:%d", e.Port), dial, answers) })
	})
	return address.Port, nil
}

// patient dials until somebody listens, or the sandbox ends.
func patient(dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		tick := time.NewTicker(exposePause)
		defer tick.Stop()
		for {
			conn, err := dial(ctx)
			if err == nil {
				return conn, nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil, err
			}
		}
	}
}
