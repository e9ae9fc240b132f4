package write

import (
	"bytes"
	"fmt"
	"go/format"

	"github.com/kubetunnel/kubetunnel/protocol/internal/model"
)

// goGlue is the dispatchers and typed callers of both directions.
func goGlue(c *model.Contract) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\npackage gen\n\n", notice)
	b.WriteString("import (\n\t\"context\"\n\t\"encoding/json\"\n\n\t\"github.com/kubetunnel/kubetunnel/protocol\"\n)\n\n")
	b.WriteString("// The methods by their names on the wire.\nconst (\n")
	for _, m := range append(append([]model.Method(nil), c.Server...), c.Client...) {
		fmt.Fprintf(&b, "\tMethod%s = %q\n", m.Name, m.Wire)
	}
	b.WriteString(")\n\n")
	side(&b, "Server", c.Server)
	side(&b, "Client", c.Client)
	return format.Source(b.Bytes())
}

func side(b *bytes.Buffer, name string, methods []model.Method) {
	fmt.Fprintf(b, "// Dispatch%s calls the method of impl that a message names. An unknown method\n// and params of the wrong shape are *protocol.Errors; notifications have no result.\n", name)
	fmt.Fprintf(b, "func Dispatch%s(ctx context.Context, impl protocol.%s, method string, params json.RawMessage) (any, error) {\n\tswitch method {\n", name, name)
	for _, m := range methods {
		fmt.Fprintf(b, "\tcase Method%s:\n\t\tvar p protocol.%s\n\t\tif err := decode(method, params, &p); err != nil {\n\t\t\treturn nil, err\n\t\t}\n", m.Name, m.Params)
		if m.Notification {
			fmt.Fprintf(b, "\t\treturn nil, impl.%s(ctx, &p)\n", m.Name)
		} else {
			fmt.Fprintf(b, "\t\treturn impl.%s(ctx, &p)\n", m.Name)
		}
	}
	b.WriteString("\t}\n\treturn nil, protocol.Errorf(protocol.CodeMethodNotFound, \"there is no method %q\", method)\n}\n\n")

	fmt.Fprintf(b, "// %sCaller is a protocol.%s at the far side of a connection.\ntype %sCaller struct{ Conn Caller }\n\nvar _ protocol.%s = %sCaller{}\n\n", name, name, name, name, name)
	for _, m := range methods {
		fmt.Fprintf(b, "// %s calls %s.\n", m.Name, m.Wire)
		if m.Notification {
			fmt.Fprintf(b, "func (c %sCaller) %s(ctx context.Context, params *protocol.%s) error {\n\treturn c.Conn.Notify(ctx, Method%s, params)\n}\n\n", name, m.Name, m.Params, m.Name)
			continue
		}
		fmt.Fprintf(b, "func (c %sCaller) %s(ctx context.Context, params *protocol.%s) (*protocol.%s, error) {\n\tvar result protocol.%s\n\tif err := c.Conn.Call(ctx, Method%s, params, &result); err != nil {\n\t\treturn nil, err\n\t}\n\treturn &result, nil\n}\n\n", name, m.Name, m.Params, m.Result, m.Result, m.Name)
	}
}
