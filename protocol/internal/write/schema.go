package write

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/kubetunnel/kubetunnel/protocol/internal/model"
)

type object = map[string]any

// jsonSchema is a JSON Schema (2020-12) of all types, and the methods.
func jsonSchema(c *model.Contract) ([]byte, error) {
	defs := object{}
	for _, t := range c.Types {
		defs[t.Name] = typeSchema(t)
	}
	schema := object{
		"$schema":  "https://json-schema.org/draft/2020-12/schema",
		"$comment": notice,
		"title":    "KubeTunnel editor contract " + c.Version,
		"$defs":    defs,
		"x-server": methodSchemas(c.Server),
		"x-client": methodSchemas(c.Client),
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(schema)
	return b.Bytes(), err
}

func methodSchemas(methods []model.Method) object {
	out := object{}
	for _, m := range methods {
		s := object{"description": m.Doc, "params": refTo(m.Params)}
		if !m.Notification {
			s["result"] = refTo(m.Result)
		}
		out[m.Wire] = s
	}
	return out
}

func refTo(name string) object { return object{"$ref": "#/$defs/" + name} }

func typeSchema(t model.Type) object {
	s := object{}
	if t.Doc != "" {
		s["description"] = t.Doc
	}
	if t.Kind != "struct" {
		s["type"] = map[string]string{"string": "string", "int": "integer"}[t.Kind]
		if t.Kind == "string" && len(t.Consts) > 0 {
			values := []string{}
			for _, k := range t.Consts {
				values = append(values, k.Value)
			}
			s["enum"] = values
		}
		if t.Kind == "int" && len(t.Consts) > 0 {
			s["oneOf"] = codeSchemas(t.Consts)
		}
		return s
	}
	s["type"] = "object"
	properties, required := object{}, []string{}
	for _, f := range t.Fields {
		p := refSchema(f.Type)
		if f.Doc != "" {
			p["description"] = f.Doc
		}
		properties[f.Name] = p
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	if len(properties) > 0 {
		s["properties"] = properties
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// codeSchemas are numbers with their names.
func codeSchemas(consts []model.Const) []object {
	var out []object
	for _, k := range consts {
		code, err := strconv.Atoi(k.Value)
		if err != nil {
			continue // the types of model have no other literals
		}
		out = append(out, object{"const": code, "title": codeName(k), "description": codeDoc(k)})
	}
	return out
}

func refSchema(r model.Ref) object {
	switch r.Kind {
	case "string":
		return object{"type": "string"}
	case "int":
		return object{"type": "integer"}
	case "bool":
		return object{"type": "boolean"}
	case "named":
		return refTo(r.Name)
	case "array":
		return object{"type": "array", "items": refSchema(*r.Elem)}
	case "map":
		elem := refSchema(*r.Elem)
		if r.Elem.Nullable {
			elem = object{"anyOf": []object{elem, {"type": "null"}}}
		}
		return object{"type": "object", "additionalProperties": elem}
	}
	return object{}
}
