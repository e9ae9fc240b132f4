package write

import (
	"fmt"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol/internal/model"
)

const mdIntroduction = `JSON-RPC 2.0 over the standard streams of ` + "`tunnel-server --stdio`" + `. Each message is preceded by
` + "`Content-Length: N`" + ` and an empty line, as in the Language Server Protocol. A request can be cancelled with
` + "`$/cancelRequest`" + `; it is then answered with the error -32800. Messages arrive in the order in which they were sent.

A conversation: ` + "`initialize`, `initialized`, `session/resolve`, `session/preflight`, `session/start`" + `, then
` + "`session/didChange`" + ` tells the states; the editor's debugger connects to the session's DAP endpoint; ` + "`session/stop`, `shutdown`, `exit`" + `.
`

// markdown is the reference for people.
func markdown(c *model.Contract) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s -->\n\n# The editor contract, version %s\n\n%s", notice, c.Version, mdIntroduction)
	mdIndex(&b, "What an editor may ask", c.Server)
	mdIndex(&b, "What the server tells", c.Client)
	mdMethods(&b, "Requests and notifications to the server", c.Server)
	mdMethods(&b, "Notifications to the editor", c.Client)
	b.WriteString("\n## Types\n\nFields without a mark are always there.\n")
	for _, t := range c.Types {
		mdType(&b, t)
	}
	mdCodes(&b, c)
	return []byte(b.String())
}

func mdIndex(b *strings.Builder, title string, methods []model.Method) {
	fmt.Fprintf(b, "\n| %s | |\n| --- | --- |\n", title)
	for _, m := range methods {
		first, _, _ := strings.Cut(m.Doc, ". ")
		first, _, _ = strings.Cut(first, ": ")
		fmt.Fprintf(b, "| [`%s`](#%s) | %s. |\n", m.Wire, anchor(m.Wire), strings.TrimSuffix(mdDoc(m, first), "."))
	}
}

// anchor is how Markdown readers name a heading of code.
func anchor(wire string) string {
	return strings.ToLower(strings.NewReplacer("/", "", "$", "").Replace(wire))
}

// mdDoc is a method's doc without the Go name at its beginning: "Lists the …".
func mdDoc(m model.Method, doc string) string {
	rest := strings.TrimPrefix(doc, m.Name+" ")
	return strings.ToUpper(rest[:1]) + rest[1:]
}

func mdMethods(b *strings.Builder, title string, methods []model.Method) {
	fmt.Fprintf(b, "\n## %s\n", title)
	for _, m := range methods {
		fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n", m.Wire, mdDoc(m, m.Doc))
		if m.Notification {
			fmt.Fprintf(b, "Notification. Params: %s\n", mdLink(m.Params))
			continue
		}
		fmt.Fprintf(b, "Request. Params: %s. Result: %s\n", mdLink(m.Params), mdLink(m.Result))
	}
}

func mdType(b *strings.Builder, t model.Type) {
	if t.Kind == "int" {
		return // has a table of its own
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n", t.Name, t.Doc)
	if len(t.Fields) > 0 {
		b.WriteString("\n| field | type | |\n| --- | --- | --- |\n")
	}
	for _, f := range t.Fields {
		doc := strings.ReplaceAll(f.Doc, "\n\n", " ")
		if f.Optional {
			doc = strings.TrimSpace("*(optional)* " + doc)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, mdRef(f.Type), doc)
	}
	if t.Kind == "string" && len(t.Consts) > 0 {
		b.WriteString("\n| value | |\n| --- | --- |\n")
		for _, k := range t.Consts {
			fmt.Fprintf(b, "| `%s` | %s |\n", k.Value, strings.TrimPrefix(k.Doc, k.Name+": "))
		}
	}
}

func mdCodes(b *strings.Builder, c *model.Contract) {
	b.WriteString("\n## Error codes\n\nThe code of a JSON-RPC error, and of a [Diagnostic](#diagnostic). People see those above 0 as `KT1201`.\n" +
		"What was tried on which object, and what to do next, is in the error's data: [ErrorData](#errordata).\n" +
		"\n<a id=\"errorcode\"></a>\n\n| code | name | meaning |\n| --- | --- | --- |\n")
	for _, k := range c.Codes {
		fmt.Fprintf(b, "| %s | %s | %s |\n", k.Value, codeName(k), codeDoc(k))
	}
}

// codeName is an error code's name without Go's prefix, codeDoc its meaning.
func codeName(k model.Const) string { return strings.TrimPrefix(k.Name, "Code") }
func codeDoc(k model.Const) string  { return strings.TrimPrefix(k.Doc, k.Name+": ") }

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
		if r.Elem.Nullable {
			return "map of " + mdRef(*r.Elem) + " or null"
		}
		return "map of " + mdRef(*r.Elem)
	}
	return r.Kind
}
