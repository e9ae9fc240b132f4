package write

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kubetunnel/kubetunnel/protocol/internal/model"
)

// javaFolder is where the JVM's side of the contract is, as seen from protocol/gen.
const javaFolder = "../../editors/jetbrains/core/src/main/java/dev/kubetunnel/protocol/"

const javaHead = "// %s\npackage dev.kubetunnel.protocol;\n"

// java is the types and the two interfaces, for LSP4J's jsonrpc and Gson.
func java(c *model.Contract) map[string][]byte {
	return map[string][]byte{
		javaFolder + "Protocol.java": javaTypes(c),
		javaFolder + "Server.java":   javaInterface(c.Server, "Server", "What an editor may ask of tunnel-server."),
		javaFolder + "Client.java":   javaInterface(c.Client, "Client", "What tunnel-server may tell its editor."),
	}
}

func javaInterface(methods []model.Method, name, doc string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, javaHead, notice)
	b.WriteString("\nimport dev.kubetunnel.protocol.Protocol.*;\n")
	annotations := map[string]bool{}
	for _, m := range methods {
		annotations[annotation(m)] = true
	}
	if annotations["JsonRequest"] {
		b.WriteString("import java.util.concurrent.CompletableFuture;\n")
	}
	for _, a := range []string{"JsonNotification", "JsonRequest"} {
		if annotations[a] {
			fmt.Fprintf(&b, "import org.eclipse.lsp4j.jsonrpc.services.%s;\n", a)
		}
	}
	fmt.Fprintf(&b, "\n%spublic interface %s {\n", javaDoc("", doc), name)
	for i, m := range methods {
		if i > 0 {
			b.WriteString("\n")
		}
		result := "void"
		if !m.Notification {
			result = "CompletableFuture<" + m.Result + ">"
		}
		fmt.Fprintf(&b, "%s    @%s(%q)\n    %s %s(%s params);\n", javaDoc("    ", mdDoc(m, m.Doc)), annotation(m), m.Wire, result, lowerFirst(m.Name), m.Params)
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

func annotation(m model.Method) string {
	if m.Notification {
		return "JsonNotification"
	}
	return "JsonRequest"
}

// javaTypes are nested classes with public fields. A field that may be absent is null then.
func javaTypes(c *model.Contract) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, javaHead, notice)
	b.WriteString("\nimport com.google.gson.JsonElement;\nimport com.google.gson.annotations.JsonAdapter;\nimport java.util.List;\nimport java.util.Map;\n")
	fmt.Fprintf(&b, "\n%spublic final class Protocol {\n    public static final String VERSION = %q;\n\n    private Protocol() {}\n",
		javaDoc("", "The types of the editor contract. A field that may be absent on the wire is null when it is."), c.Version)
	for _, t := range c.Types {
		if isAlias(t) {
			continue
		}
		b.WriteString("\n" + javaDoc("    ", t.Doc))
		fmt.Fprintf(&b, "    public static final class %s {\n", t.Name)
		if t.Kind != "struct" {
			javaConstants(&b, t)
		}
		for _, f := range t.Fields {
			b.WriteString(javaDoc("        ", f.Doc))
			switch {
			case f.Type.Kind == "map" && f.Type.Elem.Nullable:
				b.WriteString("        @JsonAdapter(NullableMap.class)\n")
			case f.Type.Kind == "any":
				b.WriteString("        @JsonAdapter(AnyJson.class)\n")
			}
			fmt.Fprintf(&b, "        public %s %s;\n", javaType(c, f.Type, f.Optional), f.Name)
		}
		b.WriteString("    }\n")
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

// isAlias: a string without values of its own is a String in Java.
func isAlias(t model.Type) bool { return t.Kind == "string" && len(t.Consts) == 0 }

// javaConstants are the known values of a type; others may come from newer servers, so it is no enum.
func javaConstants(b *strings.Builder, t model.Type) {
	for _, k := range t.Consts {
		b.WriteString(javaDoc("        ", strings.TrimPrefix(k.Doc, k.Name+": ")))
		name := constantName(strings.TrimPrefix(strings.TrimPrefix(k.Name, "Code"), t.Name))
		if t.Kind == "int" {
			fmt.Fprintf(b, "        public static final int %s = %s;\n", name, k.Value)
		} else {
			fmt.Fprintf(b, "        public static final String %s = %q;\n", name, k.Value)
		}
	}
	fmt.Fprintf(b, "\n        private %s() {}\n", t.Name)
}

var camelHump = regexp.MustCompile(`([a-z])([A-Z])`)

// constantName is "OperatorMissing" as OPERATOR_MISSING.
func constantName(name string) string {
	return strings.ToUpper(camelHump.ReplaceAllString(name, "${1}_$2"))
}

func lowerFirst(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func javaDoc(indent, doc string) string {
	return tsDoc(indent, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "*/", "*&#47;").Replace(doc))
}

// javaType is a field's type; boxed where the field may be absent, and in lists and maps.
func javaType(c *model.Contract, r model.Ref, boxed bool) string {
	switch r.Kind {
	case "string":
		return "String"
	case "int":
		if boxed {
			return "Long"
		}
		return "long"
	case "bool":
		if boxed {
			return "Boolean"
		}
		return "boolean"
	case "named":
		return javaNamed(c, r.Name, boxed)
	case "array":
		return "List<" + javaType(c, *r.Elem, true) + ">"
	case "map":
		return "Map<String, " + javaType(c, *r.Elem, true) + ">"
	}
	return "JsonElement"
}

func javaNamed(c *model.Contract, name string, boxed bool) string {
	for _, t := range c.Types {
		switch {
		case t.Name != name:
		case t.Kind == "string":
			return "String"
		case t.Kind == "int" && boxed:
			return "Integer"
		case t.Kind == "int":
			return "int"
		}
	}
	return name
}
