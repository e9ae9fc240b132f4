// Package gen is the glue of the editor contract: it turns JSON-RPC methods
// into calls of protocol.Server and protocol.Client, and the other way round.
package gen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"

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
	err := json.Unmarshal(params, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		return protocol.Errorf(protocol.CodeInvalidParams, "params of %s: %s is to be %s, not %s", method, wrong.Field, kindName(wrong.Type), wrong.Value)
	case errors.As(err, &wrong):
		return protocol.Errorf(protocol.CodeInvalidParams, "params of %s are to be %s, not %s", method, kindName(wrong.Type), wrong.Value)
	}
	return protocol.Errorf(protocol.CodeInvalidParams, "params of %s: %w", method, err)
}

// kindName is a Go type as JSON calls it.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}
