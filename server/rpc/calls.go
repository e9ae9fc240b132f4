package rpc

import (
	"context"
	"encoding/json"
	"runtime/debug"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// cancelParams is what $/cancelRequest carries.
type cancelParams struct {
	ID jsonrpc2.ID `json:"id"`
}

// handle takes a message in jsonrpc2's reader. A request gets a goroutine: a
// handler that waits must not keep the next message, which may be its cancellation.
func (c *Conn) handle(ctx context.Context, r *jsonrpc2.Request) {
	var params json.RawMessage
	if r.Params != nil {
		params = *r.Params
	}
	if r.Notif && r.Method == cancelMethod {
		c.cancelCall(params)
		return
	}
	refused := c.gate(r.Method)
	switch {
	case r.Notif && refused != nil:
		c.log.Debug("notification", "method", r.Method, "error", refused)
	case refused != nil:
		c.reply(r.ID, nil, refused)
	case r.Notif:
		if _, err := c.run(ctx, r.Method, params); err != nil {
			c.log.Debug("notification", "method", r.Method, "error", err)
		}
	default:
		ctx, err := c.begin(ctx, r.ID)
		if err != nil {
			c.reply(r.ID, nil, err)
			return
		}
		go func() {
			result, err := c.run(ctx, r.Method, params)
			c.end(ctx, r, result, err)
		}()
	}
}

// begin enters a request into the table of those in flight.
func (c *Conn) begin(ctx context.Context, id jsonrpc2.ID) (context.Context, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "the connection is being closed")
	}
	if _, known := c.calls[id]; known {
		return nil, protocol.Errorf(protocol.CodeInvalidRequest, "request id %s is in use", id)
	}
	ctx, cancel := context.WithCancel(ctx)
	c.calls[id] = cancel
	c.group.Add(1)
	return ctx, nil
}

// end answers a request.
func (c *Conn) end(ctx context.Context, r *jsonrpc2.Request, result any, err error) {
	defer c.group.Done()
	if err != nil && ctx.Err() != nil {
		c.log.Debug("cancelled", "method", r.Method, "error", err)
		err = protocol.Errorf(protocol.CodeRequestCancelled, "%s was cancelled", r.Method)
	}
	c.mu.Lock()
	cancel := c.calls[r.ID]
	delete(c.calls, r.ID)
	c.mu.Unlock()
	cancel()
	c.reply(r.ID, result, err)
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
	var p cancelParams
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
	response := jsonrpc2.Response{ID: id}
	if err == nil {
		// A result that can't be written is an error like another: an answer must come.
		if encodeErr := response.SetResult(result); encodeErr != nil {
			c.log.Error("a result can't be encoded", "error", encodeErr)
			err = encodeErr
		}
	}
	if err != nil {
		response.Error = toWire(err)
	}
	// jsonrpc2 takes no ctx into account here.
	if sendErr := c.rpc.SendResponse(context.Background(), &response); sendErr != nil {
		c.log.Debug("reply", "error", sendErr)
	}
}
