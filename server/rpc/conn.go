package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// Dispatch carries out a method. Notifications have no result.
type Dispatch func(ctx context.Context, method string, params json.RawMessage) (result any, err error)

// Gate is asked in the order of arrival, before a message is carried out beside
// others: an error refuses it. It does not block.
type Gate func(method string) error

// cancelMethod is the LSP's notification that ends a request.
const cancelMethod = "$/cancelRequest"

// closeTimeout is how long Close waits for calls that were cancelled.
const closeTimeout = 10 * time.Second

// Conn is one connection. What is sent arrives in the order in which it was sent:
// answers, notifications and requests.
//
// Goroutines: jsonrpc2's reader, ended by the connection's end; one per request,
// ended by its answer; the outbox's writer. Notifications that come in are carried
// out one after the other, in the reader's goroutine: their handlers don't block.
type Conn struct {
	rpc      *jsonrpc2.Conn
	stream   *stream
	dispatch Dispatch
	gate     Gate
	log      *slog.Logger
	lastID   atomic.Uint64

	mu     sync.Mutex
	calls  map[jsonrpc2.ID]context.CancelFunc
	closed bool
	group  sync.WaitGroup
}

// New begins to read; calls run until the connection or ctx ends.
func New(ctx context.Context, rwc io.ReadWriteCloser, dispatch Dispatch, log *slog.Logger) *Conn {
	return NewGated(ctx, rwc, dispatch, func(string) error { return nil }, log)
}

// NewGated is New with a gate.
func NewGated(ctx context.Context, rwc io.ReadWriteCloser, dispatch Dispatch, gate Gate, log *slog.Logger) *Conn {
	c := &Conn{dispatch: dispatch, gate: gate, log: log, calls: map[jsonrpc2.ID]context.CancelFunc{}}
	ready := make(chan struct{})
	c.stream = newStream(rwc, log, func(err error) {
		<-ready
		log.Warn("the far side does not read", "error", err)
		// Not the stream alone: a reader may stay blocked in a standard stream that is closed under it.
		_ = c.rpc.Close()
	})
	// jsonrpc2 ends the handler's ctx with the connection: nobody waits for the answers any more.
	c.rpc = jsonrpc2.NewConn(ctx, c.stream, handler(func(ctx context.Context, r *jsonrpc2.Request) {
		<-ready
		c.handle(ctx, r)
	}), jsonrpc2.SetLogger(quiet{log}))
	close(ready)
	return c
}

type handler func(context.Context, *jsonrpc2.Request)

func (f handler) Handle(ctx context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) { f(ctx, r) }

type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) { q.log.Debug(fmt.Sprintf(format, v...)) }

// Done is closed when the far side has gone, or after Close.
func (c *Conn) Done() <-chan struct{} { return c.rpc.DisconnectNotify() }

// Call asks the far side. A numbered error comes back as *protocol.Error. When ctx
// ends the far side is told, and not waited for.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	id := jsonrpc2.ID{Num: c.lastID.Add(1)}
	waiter, err := c.rpc.DispatchCall(ctx, method, params, jsonrpc2.PickID(id))
	if err == nil {
		err = waiter.Wait(ctx, result)
	}
	var remote *jsonrpc2.Error
	if errors.As(err, &remote) {
		return fromWire(remote)
	}
	if err != nil && ctx.Err() != nil {
		_ = c.Notify(ctx, cancelMethod, cancelParams{ID: id})
	}
	if errors.Is(err, jsonrpc2.ErrClosed) {
		err = fmt.Errorf("the far side has gone: %w", net.ErrClosed)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// Notify tells the far side, without waiting for it.
func (c *Conn) Notify(_ context.Context, method string, params any) error {
	return c.notify(method, params, frame{})
}

// NotifyOptional is Notify for what may be left out, with ErrLagging, when the far
// side does not keep up.
func (c *Conn) NotifyOptional(method string, params any) error {
	return c.notify(method, params, frame{optional: true})
}

// NotifyLatest is NotifyOptional for what makes an earlier one of the same key
// needless: that one is replaced when the far side does not keep up.
func (c *Conn) NotifyLatest(key, method string, params any) error {
	return c.notify(method, params, frame{optional: true, key: key})
}

func (c *Conn) notify(method string, params any, f frame) error {
	r := &jsonrpc2.Request{Method: method, Notif: true}
	err := r.SetParams(params)
	var content []byte
	if err == nil {
		content, err = json.Marshal(r)
	}
	if err != nil {
		return fmt.Errorf("notification %s: %w", method, err)
	}
	f.content = framed(content)
	return c.stream.out.put(f)
}

// Flush waits until what was sent is written, or can't be, or ctx ends.
func (c *Conn) Flush(ctx context.Context) { c.stream.out.flush(ctx) }

// Close cancels all calls, waits for them and for the last answers to be sent, and
// ends the connection. A call that does not end is left behind, with an error. It
// may be called twice.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	for _, cancel := range c.calls {
		cancel()
	}
	c.mu.Unlock()
	stuck := c.wait()
	c.stream.out.finish()
	err := c.rpc.Close()
	if errors.Is(err, jsonrpc2.ErrClosed) {
		// The reader may still be about to close it.
		err = nil
		_ = c.stream.Close()
	}
	return errors.Join(stuck, err)
}

func (c *Conn) wait() error {
	ended := make(chan struct{})
	go func() {
		c.group.Wait()
		close(ended)
	}()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("calls that were cancelled have not ended after %s", closeTimeout)
	}
}
