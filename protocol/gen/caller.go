package gen

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// Caller is a JSON-RPC connection.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
	Notify(ctx context.Context, method string, params any) error
}

// decode reads params; absent ones are the zero value.
func decode(method string, params json.RawMessage, into any) error {
	params = bytes.TrimSpace(params)
	if len(params) == 0 || bytes.Equal(params, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(params, into); err != nil {
		return protocol.Errorf(protocol.CodeInvalidParams, "params of %s: %w", method, err)
	}
	return nil
}
