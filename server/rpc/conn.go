package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Dispatch carries out a method. Notifications have no result.
type Dispatch func(ctx context.Context, method string, params json.RawMessage) (result any, err error)

// cancelMethod is the LSP's notification that ends a request.
const cancelMethod = "$/cancelRequest"

// Conn is one connection. Goroutines: jsonrpc2's reader; one per request, ended
// by its answer or the connection's end; the sender of notifications. Notifications
// that come in are carried out one after the other, in the reader's goroutine.
type Conn struct {
	rpc      *jsonrpc2.Conn
	dispatch Dispatch
	log      *slog.Logger
	queue    *queue
	ctx      context.Context
	cancel   context.CancelFunc

	mu     sync.Mutex
	calls  map[jsonrpc2.ID]context.CancelFunc
	closed bool
	group  sync.WaitGroup
}

// New begins to read; calls run until the connection or ctx ends.
func New(ctx context.Context, rwc io.ReadWriteCloser, dispatch Dispatch, log *slog.Logger) *Conn {
	ctx, cancel := context.WithCancel(ctx)
	c := &Conn{dispatch: dispatch, log: log, ctx: ctx, cancel: cancel, calls: map[jsonrpc2.ID]context.CancelFunc{}, queue: newQueue()}
	ready := make(chan struct{})
	handler := handlerFunc(func(r *jsonrpc2.Request) {
		<-ready
		c.handle(r)
	})
	c.rpc = jsonrpc2.NewConn(ctx, newStream(rwc), handler, jsonrpc2.SetLogger(quiet{log}))
	close(ready)
	go c.queue.send(c.rpc.DisconnectNotify(), func(n note) { _ = c.rpc.Notify(c.ctx, n.method, n.params) })
	return c
}

type handlerFunc func(*jsonrpc2.Request)

func (f handlerFunc) Handle(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) { f(r) }

type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) { q.log.Debug(fmt.Sprintf(format, v...)) }

// Done is closed when the far side has gone, or after Close.
func (c *Conn) Done() <-chan struct{} { return c.rpc.DisconnectNotify() }

// Call asks the far side. A numbered error comes back as *protocol.Error.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	err := c.rpc.Call(ctx, method, params, result)
	var remote *jsonrpc2.Error
	if errors.As(err, &remote) {
		return fromWire(remote)
	}
	return err
}

// Notify tells the far side, in order, without waiting for it.
func (c *Conn) Notify(_ context.Context, method string, params any) error {
	return c.queue.put(note{method: method, params: params})
}

// NotifyOptional is Notify for what may be left out when the far side does not keep up.
func (c *Conn) NotifyOptional(method string, params any) {
	_ = c.queue.put(note{method: method, params: params, optional: true})
}

// Close ends the connection, cancels its calls and waits for them.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	err := c.rpc.Close()
	if errors.Is(err, jsonrpc2.ErrClosed) {
		err = nil
	}
	c.group.Wait()
	<-c.queue.done
	return err
}

// Flush waits until what was told has been sent, or ctx ends.
func (c *Conn) Flush(ctx context.Context) { c.queue.flush(ctx, c.Done()) }

func (c *Conn) handle(r *jsonrpc2.Request) {
	var params json.RawMessage
	if r.Params != nil {
		params = *r.Params
	}
	if r.Notif {
		if r.Method == cancelMethod {
			c.cancelCall(params)
			return
		}
		if _, err := c.run(c.ctx, r.Method, params); err != nil {
			c.log.Debug("notification", "method", r.Method, "error", err)
		}
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	c.mu.Lock()
	_, known := c.calls[r.ID]
	if c.closed || known {
		c.mu.Unlock()
		cancel()
		c.reply(r.ID, nil, protocol.Errorf(protocol.CodeInvalidRequest, "request id %s is in use", r.ID))
		return
	}
	c.calls[r.ID] = cancel
	c.group.Add(1)
	c.mu.Unlock()
	go func() {
		defer c.group.Done()
		defer cancel()
		result, err := c.run(ctx, r.Method, params)
		if err != nil && ctx.Err() != nil {
			err = protocol.Errorf(protocol.CodeRequestCancelled, "%s was cancelled", r.Method)
		}
		c.mu.Lock()
		delete(c.calls, r.ID)
		c.mu.Unlock()
		c.reply(r.ID, result, err)
	}()
}

// run carries a method out; a panic is an error like another, and the server goes on.
func (c *Conn) run(ctx context.Context, method string, params json.RawMessage) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("panic", "method", method, "panic", p, "stack", string(debug.Stack()))
			err = protocol.Errorf(protocol.CodeInternalError, "%s broke: %v. The server goes on; its log has the details", method, p)
		}
	}()
	return c.dispatch(ctx, method, params)
}

func (c *Conn) cancelCall(params json.RawMessage) {
	var p struct {
		ID jsonrpc2.ID `json:"id"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		c.log.Debug("cancel", "error", err)
		return
	}
	c.mu.Lock()
	cancel := c.calls[p.ID]
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

func (c *Conn) reply(id jsonrpc2.ID, result any, err error) {
	var sendErr error
	if err != nil {
		sendErr = c.rpc.ReplyWithError(c.ctx, id, toWire(err))
	} else {
		sendErr = c.rpc.Reply(c.ctx, id, result)
	}
	if sendErr != nil {
		c.log.Debug("reply", "error", sendErr)
	}
}
