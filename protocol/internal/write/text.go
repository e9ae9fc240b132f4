package write

import (
	"fmt"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol/internal/model"
)

// typeScript is the types and the map of methods, for vscode-jsonrpc.
func typeScript(c *model.Contract) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n\nexport const protocolVersion = %q;\n", notice, c.Version)
	for _, t := range c.Types {
		b.WriteString("\n" + tsDoc("", t.Doc))
		switch {
		case t.Kind == "struct" && len(t.Fields) == 0:
			fmt.Fprintf(&b, "export type %s = Record<string, never>;\n", t.Name)
		case t.Kind == "struct":
			fmt.Fprintf(&b, "export interface %s {\n", t.Name)
			for _, f := range t.Fields {
				mark := ""
				if f.Optional {
					mark = "?"
				}
				fmt.Fprintf(&b, "%s  %s%s: %s;\n", tsDoc("  ", f.Doc), f.Name, mark, tsType(f.Type))
			}
			b.WriteString("}\n")
		case t.Kind == "int":
			fmt.Fprintf(&b, "export enum %s {\n", t.Name)
			for _, k := range t.Consts {
				fmt.Fprintf(&b, "%s  %s = %s,\n", tsDoc("  ", codeDoc(k)), codeName(k), k.Value)
			}
			b.WriteString("}\n")
		case len(t.Consts) > 0:
			values := []string{}
			for _, k := range t.Consts {
				values = append(values, fmt.Sprintf("%q", k.Value))
			}
			fmt.Fprintf(&b, "export type %s = %s;\n", t.Name, strings.Join(values, " | "))
		default:
			fmt.Fprintf(&b, "export type %s = string;\n", t.Name)
		}
	}
	tsMethods(&b, "ServerMethods", "What an editor may ask of tunnel-server.", c.Server)
	tsMethods(&b, "ClientMethods", "What tunnel-server may tell its editor.", c.Client)
	return []byte(b.String())
}

func tsMethods(b *strings.Builder, name, doc string, methods []model.Method) {
	fmt.Fprintf(b, "\n%sexport interface %s {\n", tsDoc("", doc), name)
	for _, m := range methods {
		result := m.Result
		if m.Notification {
			result = "void"
		}
		fmt.Fprintf(b, "%s  %q: { params: %s; result: %s };\n", tsDoc("  ", m.Doc), m.Wire, m.Params, result)
	}
	b.WriteString("}\n")
}

func tsDoc(indent, doc string) string {
	if doc == "" {
		return ""
	}
	if line := indent + "/** " + doc + " */\n"; !strings.Contains(doc, "\n") && len(line) <= 110 {
		return line
	}
	return indent + "/**\n" + comment(indent+" * ", doc) + indent + " */\n"
}

func tsType(r model.Ref) string {
	switch r.Kind {
	case "string":
		return "string"
	case "int":
		return "number"
	case "bool":
		return "boolean"
	case "named":
		return r.Name
	case "array":
		return tsType(*r.Elem) + "[]"
	case "map":
		elem := tsType(*r.Elem)
		if r.Elem.Nullable {
			elem += " | null"
		}
		return "Record<string, " + elem + ">"
	}
	return "unknown"
}
