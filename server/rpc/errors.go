package rpc

import (
	"encoding/json"
	"errors"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// toWire gives any error as JSON-RPC has it: code, message and data of the
// *protocol.Error in it, however deep it is wrapped.
func toWire(err error) *jsonrpc2.Error {
	var e *protocol.Error
	if !errors.As(err, &e) {
		e = protocol.Errorf(protocol.CodeInternalError, "%w", err)
	}
	out := &jsonrpc2.Error{Code: int64(e.Code), Message: e.Message}
	if data, err := json.Marshal(e.Data); err == nil {
		raw := json.RawMessage(data)
		out.Data = &raw
	}
	return out
}

func fromWire(e *jsonrpc2.Error) *protocol.Error {
	out := &protocol.Error{Code: protocol.ErrorCode(e.Code), Message: e.Message}
	if e.Data != nil {
		// Data of another shape is another server's; the message is what counts.
		_ = json.Unmarshal(*e.Data, &out.Data)
	}
	return out
}
