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
				fmt.Fprintf(&b, "  %s = %s,\n", strings.TrimPrefix(k.Name, "Code"), k.Value)
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

// markdown is the reference for people.
func markdown(c *model.Contract) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s -->\n\n# The editor contract, version %s\n\nJSON-RPC 2.0 with `Content-Length` framing over the standard streams of `tunnel-server --stdio`.\n", notice, c.Version)
	mdMethods(&b, "Requests and notifications to the server", c.Server)
	mdMethods(&b, "Notifications to the editor", c.Client)
	b.WriteString("\n## Types\n")
	for _, t := range c.Types {
		mdType(&b, t)
	}
	b.WriteString("\n## Error codes\n\n| code | name |\n| --- | --- |\n")
	for _, k := range c.Codes {
		fmt.Fprintf(&b, "| %s | %s |\n", k.Value, strings.TrimPrefix(k.Name, "Code"))
	}
	return []byte(b.String())
}

func mdMethods(b *strings.Builder, title string, methods []model.Method) {
	fmt.Fprintf(b, "\n## %s\n", title)
	for _, m := range methods {
		kind := "request"
		if m.Notification {
			kind = "notification"
		}
		fmt.Fprintf(b, "\n### `%s` (%s)\n\n%s\n\nparams: %s", m.Wire, kind, m.Doc, mdLink(m.Params))
		if m.Result != "" {
			fmt.Fprintf(b, "; result: %s", mdLink(m.Result))
		}
		b.WriteString("\n")
	}
}

func mdType(b *strings.Builder, t model.Type) {
	if t.Name == "ErrorCode" {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n", t.Name, t.Doc)
	if len(t.Fields) > 0 {
		b.WriteString("\n| field | type | |\n| --- | --- | --- |\n")
	}
	for _, f := range t.Fields {
		doc := strings.ReplaceAll(f.Doc, "\n\n", " ")
		if f.Optional {
			doc = strings.TrimSpace("(optional) " + doc)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, mdRef(f.Type), doc)
	}
	if t.Kind == "string" && len(t.Consts) > 0 {
		b.WriteString("\n| value | |\n| --- | --- |\n")
		for _, k := range t.Consts {
			fmt.Fprintf(b, "| `%s` | %s |\n", k.Value, k.Doc)
		}
	}
}

func mdLink(name string) string {
	return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
}

func mdRef(r model.Ref) string {
	switch r.Kind {
	case "named":
		return mdLink(r.Name)
	case "array":
		return "array of " + mdRef(*r.Elem)
	case "map":
		return "map of " + mdRef(*r.Elem)
	}
	return r.Kind
}
