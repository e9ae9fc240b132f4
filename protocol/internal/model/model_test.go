package model

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readSource(t *testing.T, source string) (*Contract, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte("package p\n"+source), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(dir)
}

func TestReadTakesMethodsTypesAndDocs(t *testing.T) {
	c, err := readSource(t, `
const Version = "1.7"

// Color is a color.
type Color string

const (
	// Red: like blood.
	Red Color = "red"
	Blue Color = "blue"
)

// A has fields.
type A struct {
	// Name is what it is called,
	// by people.
	Name string `+"`json:\"name\"`"+`
	Many map[string]*A `+"`json:\"many,omitempty\"`"+`
	Raw json.RawMessage `+"`json:\"raw\"`"+`
	hidden int
}

type Server interface {
	// Do does.
	//
	//rpc:request a/do
	Do(ctx context.Context, params *A) (*A, error)
	// Tell tells.
	//
	//rpc:notification a/tell
	Tell(ctx context.Context, params *A) error
}
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Version != "1.7" || len(c.Server) != 2 || c.Server[0].Wire != "a/do" || c.Server[0].Doc != "Do does." || c.Server[0].Result != "A" || !c.Server[1].Notification {
		t.Errorf("got %+v", c)
	}
	a, color := c.Types[0], c.Types[1]
	if len(a.Fields) != 3 || a.Fields[0].Doc != "name is what it is called, by people." || a.Fields[0].Optional || !a.Fields[1].Optional || !a.Fields[1].Type.Elem.Nullable || a.Fields[2].Type.Kind != "any" {
		t.Errorf("got %+v", a)
	}
	if len(color.Consts) != 2 || color.Consts[0].Value != "red" || color.Consts[0].Doc != "Red: like blood." {
		t.Errorf("got %+v", color)
	}
}

func TestReadRefusesWhatItCannotRender(t *testing.T) {
	for want, source := range map[string]string{
		"no json tag":            "type A struct { X string }",
		"no name":                "type A struct { X string `json:\"-\"` }",
		"embedded":               "type A struct { B }",
		"keys other":             "type A struct { X map[int]string `json:\"x\"` }",
		"does not have":          "type A struct { X chan int `json:\"x\"` }",
		"no //rpc: directive":    "type Server interface {\n// Do does.\nDo(ctx context.Context, params *A) error\n}",
		"doc comment":            "type Server interface {\nDo(ctx context.Context, params *A) error\n}",
		"methods are understood": "type Server interface { Other }",
	} {
		if _, err := readSource(t, source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
}
