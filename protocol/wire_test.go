package protocol_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol/internal/model"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// golden is the messages by their file's name: "Type.case".
func golden(t *testing.T) map[string]any {
	t.Helper()
	all := map[string]any{}
	for name, value := range examples() {
		all[reflect.TypeOf(value).Name()+"."+name] = value
	}
	return all
}

func path(name string) string { return filepath.Join("testdata", "wire", name+".json") }

// The files are what the other languages decode and encode too.
func TestGoldenMessagesDecodeAndEncodeToTheSameBytes(t *testing.T) {
	messages := golden(t)
	for name, value := range messages {
		want, err := json.Marshal(value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if *update {
			if err := os.WriteFile(path(name), append(want, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.ReadFile(path(name))
		if err != nil {
			t.Errorf("%v: run go test ./protocol -update", err)
			continue
		}
		file = bytes.TrimSuffix(file, []byte("\n"))
		if !bytes.Equal(file, want) {
			t.Errorf("%s is\n%s, the example is\n%s", name, file, want)
		}
		decoded := reflect.New(reflect.TypeOf(value))
		if err := json.Unmarshal(file, decoded.Interface()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := json.Marshal(decoded.Interface()); err != nil || !bytes.Equal(again, file) {
			t.Errorf("%s came back as\n%s, %v, and was\n%s", name, again, err, file)
		}
	}
	files, err := filepath.Glob(path("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := messages[strings.TrimSuffix(filepath.Base(f), ".json")]; !ok {
			t.Errorf("%s belongs to no example", f)
		}
	}
}

func contract(t *testing.T) *model.Contract {
	t.Helper()
	c, err := model.Read(".")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGoldenMessagesShowEveryFieldOfEveryType(t *testing.T) {
	shown := map[string]map[string]bool{}
	for _, value := range examples() {
		note(shown, reflect.ValueOf(value))
	}
	for _, typ := range contract(t).Types {
		if typ.Kind != "struct" {
			continue
		}
		if shown[typ.Name] == nil {
			t.Errorf("no example has a %s", typ.Name)
		}
		for _, f := range typ.Fields {
			if !shown[typ.Name][f.Name] {
				t.Errorf("no example sets %s.%s", typ.Name, f.Name)
			}
		}
	}
}

// note notes the fields that are set.
func note(shown map[string]map[string]bool, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			note(shown, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(shown, v.Index(i))
		}
	case reflect.Struct:
		t := v.Type()
		if shown[t.Name()] == nil {
			shown[t.Name()] = map[string]bool{}
		}
		for i := range t.NumField() {
			if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && !v.Field(i).IsZero() {
				shown[t.Name()][name] = true
				note(shown, v.Field(i))
			}
		}
	}
}

func TestGoldenMessagesFitTheSchema(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("gen", "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	for name, value := range golden(t) {
		kind, _, _ := strings.Cut(name, ".")
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var decoded any
		if err := json.Unmarshal(encoded, &decoded); err != nil {
			t.Fatal(err)
		}
		for _, problem := range s.check(s.Defs[kind], decoded, kind) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	for _, wrong := range []string{`{}`, `{"id":7}`, `{"id":"a","kind":"dance","target":{"service":"x"},"state":"live"}`} {
		var decoded any
		if err := json.Unmarshal([]byte(wrong), &decoded); err != nil {
			t.Fatal(err)
		}
		if len(s.check(s.Defs["SessionInfo"], decoded, "")) == 0 {
			t.Errorf("%s fits", wrong)
		}
	}
}

// schema is as much of JSON Schema as the generator writes.
type schema struct {
	Defs       map[string]schema `json:"$defs"`
	Ref        string            `json:"$ref"`
	Type       string            `json:"type"`
	Enum       []string          `json:"enum"`
	Const      *float64          `json:"const"`
	OneOf      []schema          `json:"oneOf"`
	AnyOf      []schema          `json:"anyOf"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Items      *schema           `json:"items"`
	Additional *schema           `json:"additionalProperties"`
}

func (root schema) check(s schema, value any, at string) (problems []string) {
	if s.Ref != "" {
		return root.check(root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")], value, at)
	}
	if alternatives := slices.Concat(s.OneOf, s.AnyOf); len(alternatives) > 0 {
		if !slices.ContainsFunc(alternatives, func(a schema) bool { return len(root.check(a, value, at)) == 0 }) {
			problems = append(problems, at+" fits none of the alternatives")
		}
	}
	if n, ok := value.(float64); s.Const != nil && (!ok || n != *s.Const) {
		problems = append(problems, at+" is another number")
	}
	switch v := value.(type) {
	case string:
		if s.Type != "" && s.Type != "string" || len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
			problems = append(problems, at+" is not to be "+v)
		}
	case float64:
		if s.Type != "" && s.Type != "integer" {
			problems = append(problems, at+" is not to be a number")
		}
	case bool:
		if s.Type != "" && s.Type != "boolean" {
			problems = append(problems, at+" is not to be true or false")
		}
	case nil:
		if s.Type != "" && s.Type != "null" {
			problems = append(problems, at+" is null")
		}
	case []any:
		for _, item := range v {
			problems = append(problems, root.check(*s.Items, item, at+"[]")...)
		}
	case map[string]any:
		problems = append(problems, root.checkObject(s, v, at)...)
	}
	return problems
}

func (root schema) checkObject(s schema, object map[string]any, at string) (problems []string) {
	if s.Type == "" {
		return nil // any JSON
	}
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			problems = append(problems, at+" lacks "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		property, ok := s.Properties[name]
		if !ok && s.Additional != nil {
			property, ok = *s.Additional, true
		}
		if !ok {
			problems = append(problems, at+" has "+name+", which the schema does not know")
			continue
		}
		problems = append(problems, root.check(property, object[name], at+"."+name)...)
	}
	return problems
}
