package gen_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/protocol/gen"
)

// client notes what it is told.
type client struct {
	protocol.Client
	output *protocol.SessionOutputParams
}

func (c *client) SessionOutput(_ context.Context, p *protocol.SessionOutputParams) error {
	c.output = p
	return nil
}

func TestParamsOfTheWrongShapeAreRefusedInWords(t *testing.T) {
	for params, want := range map[string]string{
		`{"id":7}`:            "params of session/output: id is to be a string, not number",
		`{"output":["a"]}`:    "params of session/output: output is to be a string, not array",
		`["a"]`:               "params of session/output are to be an object, not array",
		`7`:                   "params of session/output are to be an object, not number",
		`{"id":"a"`:           "params of session/output: unexpected end of JSON input",
		`{"id":"a"} {"id":7}`: "params of session/output: invalid character '{' after top-level value",
	} {
		_, err := gen.DispatchClient(t.Context(), &client{}, gen.MethodSessionOutput, json.RawMessage(params))
		var refused *protocol.Error
		if !errors.As(err, &refused) || refused.Code != protocol.CodeInvalidParams || refused.Message != want {
			t.Errorf("%s: got %v", params, err)
		}
	}
}

func TestParamsMayBeAbsentAndHaveUnknownFields(t *testing.T) {
	for params, want := range map[string]string{``: "", `null`: "", ` null `: "", `{}`: "", `{"id":"a","later":{"x":1}}`: "a"} {
		c := &client{}
		if _, err := gen.DispatchClient(t.Context(), c, gen.MethodSessionOutput, json.RawMessage(params)); err != nil || c.output.ID != want {
			t.Errorf("%s: got %+v, %v", params, c.output, err)
		}
	}
}

func TestUnknownMethodIsRefused(t *testing.T) {
	_, err := gen.DispatchClient(t.Context(), &client{}, "session/dance", nil)
	var refused *protocol.Error
	if !errors.As(err, &refused) || refused.Code != protocol.CodeMethodNotFound {
		t.Errorf("got %v", err)
	}
}
