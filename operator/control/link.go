package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"sync"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// Redialling. The first attempt after a loss is immediate; an agent that has just
// been started refuses for a moment only, so the first waits are short.
const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = 2 * time.Second
	dialTimeout  = 3 * time.Second
)

// DialFunc reaches an address; net.Dialer's DialContext is one.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options of a Link.
type Options struct {
	// Address is the agent's "ip:port".
	Address string
	// Key is the operator's, Peer the agent's.
	Key  tunnel.PrivateKey
	Peer tunnel.PublicKey
	// Term is said with each Desired.
	Term int64
	// Changed is called after each change of State, never concurrently with itself. It must not block.
	Changed func()
	// Dial replaces the ordinary dialer.
	Dial DialFunc
}

// State is what a Link knows about its agent.
type State struct {
	// Connected: the agent has answered on the present connection.
	Connected bool
	// Current: the agent has carried out the last Desired.
	Current bool
	// Observed is the last word of the agent, also when the connection is lost; nil before the first.
	Observed *Observed
	// ReceivedAt is when it came.
	ReceivedAt time.Time
	// LostAt is since when there is no connection (zero when there is one).
	LostAt time.Time
	// Refused: the last attempt found nobody listening at the agent's address.
	Refused bool
	// Err is why there is no connection.
	Err error
}

// Link is the operator's side of one agent. Its one goroutine keeps a connection
// (which has a sending goroutine of its own) and ends with Close.
type Link struct {
	options Options
	cancel  context.CancelFunc
	done    chan struct{}
	wake    Signal

	mu      sync.Mutex
	desired *Desired
	state   State
	heardAt time.Time // when the last frame came
}

// Dial begins to keep a connection to an agent. It returns at once.
func Dial(options Options) *Link {
	ctx, cancel := context.WithCancel(context.Background())
	if options.Dial == nil {
		options.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if options.Changed == nil {
		options.Changed = func() {}
	}
	c := &Link{options: options, cancel: cancel, done: make(chan struct{}), state: State{LostAt: time.Now()}}
	go c.run(ctx)
	return c
}

// Set says what is desired. Its Generation is given by the Link: it grows when
// something has changed. It begins with the clock, so that an agent that served a
// former operator does not take an old word for a new one.
func (c *Link) Set(d Desired) {
	d.Term = c.options.Term
	c.mu.Lock()
	if c.desired == nil {
		d.Generation = time.Now().UnixNano()
	} else {
		d.Generation = c.desired.Generation
		if reflect.DeepEqual(*c.desired, d) {
			c.mu.Unlock()
			return
		}
		d.Generation++
	}
	c.desired = &d
	c.state.Current = false
	c.mu.Unlock()
	c.wake.Notify()
}

// State gives what is known now.
func (c *Link) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Desired gives the last word to the agent, nil before the first.
func (c *Link) Desired() *Desired {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.desired
}

// Close ends the connection and waits for the goroutines. The agent holds on to
// the last Desired. It may be called twice, but not from Changed.
func (c *Link) Close() {
	c.cancel()
	<-c.done
}

func (c *Link) run(ctx context.Context) {
	defer close(c.done)
	backoff := firstBackoff
	for ctx.Err() == nil {
		answered, err := c.once(ctx)
		if ctx.Err() != nil {
			return
		}
		c.lost(err)
		if answered {
			backoff = firstBackoff
			continue
		}
		wait(ctx, backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}

// once keeps one connection for as long as it lasts.
func (c *Link) once(ctx context.Context) (answered bool, err error) {
	dialCtx, cancel := context.WithTimeout(ctx, dialTimeout)
	raw, err := c.options.Dial(dialCtx, "tcp", c.options.Address)
	if err != nil {
		cancel()
		return false, fmt.Errorf("dial agent at %s: %w", c.options.Address, err)
	}
	conn := tls.Client(raw, tunnel.ClientTLS(c.options.Key, c.options.Peer))
	err = conn.HandshakeContext(dialCtx)
	cancel()
	if err != nil {
		_ = raw.Close()
		return false, fmt.Errorf("agent at %s: %w", c.options.Address, err)
	}
	err = converse(ctx, conn, c.outgoing(), func(f frame) error {
		c.hear(f)
		answered = answered || f.Observed != nil
		return nil
	})
	return answered, fmt.Errorf("control connection to %s: %w", c.options.Address, err)
}

// outgoing says the last Desired once per connection and at each change.
func (c *Link) outgoing() source {
	var said int64
	return source{
		changed: c.wake.Changed,
		next: func() (frame, bool) {
			d := c.Desired()
			if d == nil || d.Generation == said {
				return frame{}, false
			}
			said = d.Generation
			return frame{Desired: d}, true
		},
	}
}

func (c *Link) hear(f frame) {
	c.mu.Lock()
	c.heardAt = time.Now()
	if o := f.Observed; o != nil {
		c.state = State{
			Connected: true, Observed: o, ReceivedAt: c.heardAt,
			Current: c.desired != nil && o.Generation == c.desired.Generation,
		}
	}
	c.mu.Unlock()
	if f.Observed != nil {
		c.options.Changed()
	}
}

func (c *Link) lost(err error) {
	c.mu.Lock()
	if c.state.LostAt.IsZero() {
		c.state.LostAt = time.Now()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// Of an agent that went silent, it is lost since it was last heard.
			c.state.LostAt = c.heardAt
		}
	}
	changed := c.state.Connected || c.state.Err == nil
	c.state.Connected, c.state.Current, c.state.Err = false, false, err
	refused := errors.Is(err, syscall.ECONNREFUSED)
	changed = changed || refused != c.state.Refused
	c.state.Refused = refused
	c.mu.Unlock()
	if changed {
		c.options.Changed()
	}
}
