// Package model reads the editor contract from the Go sources of package
// protocol, for the generator. It imports the standard library only.
package model

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Contract is the whole of package protocol.
type Contract struct {
	// Version is the constant Version.
	Version string
	Server  []Method
	Client  []Method
	Types   []Type
	// Codes are the constants of type ErrorCode.
	Codes []Const
}

// Method is a method of Server or Client.
type Method struct {
	// Name is the Go method, Wire the JSON-RPC method.
	Name, Wire string
	// Notification has no answer.
	Notification bool
	Doc          string
	// Params and Result are type names; Result is "" for notifications.
	Params, Result string
}

// Type is a declared type: a struct, or a string with constants.
type Type struct {
	Name   string
	Doc    string
	Fields []Field // of a struct
	Consts []Const // of a named string
	Kind   string  // "struct", "string" or "int"
}

// Field is a field of a struct as JSON has it.
type Field struct {
	Name     string
	Doc      string
	Optional bool
	Type     Ref
}

// Ref is a use of a type.
type Ref struct {
	// Kind: "string", "int", "bool", "any", "named", "array", "map".
	Kind string
	// Name of a named type.
	Name string
	// Elem of an array or map.
	Elem *Ref
	// Nullable: a pointer in a map.
	Nullable bool
}

// Const is a named value.
type Const struct{ Name, Value, Doc string }

// Read parses the package in dir.
func Read(dir string) (*Contract, error) {
	files, err := parseDir(dir)
	if err != nil {
		return nil, err
	}
	c := &Contract{}
	consts := map[string][]Const{}
	for _, f := range files {
		for _, decl := range f.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok {
				if err := c.readDecl(gen, consts); err != nil {
					return nil, err
				}
			}
		}
	}
	for i := range c.Types {
		c.Types[i].Consts = consts[c.Types[i].Name]
	}
	c.Codes = consts["ErrorCode"]
	sort.Slice(c.Types, func(i, j int) bool { return c.Types[i].Name < c.Types[j].Name })
	return c, nil
}

func parseDir(dir string) ([]*ast.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, filepath.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func (c *Contract) readDecl(gen *ast.GenDecl, consts map[string][]Const) error {
	last := ""
	for _, spec := range gen.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			if gen.Tok == token.CONST {
				last = c.readConst(spec, last, consts)
			}
		case *ast.TypeSpec:
			doc := text(spec.Doc)
			if doc == "" {
				doc = text(gen.Doc)
			}
			if err := c.readType(spec, doc); err != nil {
				return fmt.Errorf("%s: %w", spec.Name.Name, err)
			}
		}
	}
	return nil
}

func (c *Contract) readConst(spec *ast.ValueSpec, last string, consts map[string][]Const) string {
	name := last
	if id, ok := spec.Type.(*ast.Ident); ok {
		name = id.Name
	}
	for i, n := range spec.Names {
		if i >= len(spec.Values) || !n.IsExported() {
			continue
		}
		value := literal(spec.Values[i])
		if n.Name == "Version" {
			c.Version = value
			continue
		}
		consts[name] = append(consts[name], Const{Name: n.Name, Value: value, Doc: text(spec.Doc)})
	}
	return name
}

func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
		return e.Value
	case *ast.UnaryExpr:
		return e.Op.String() + literal(e.X)
	}
	return ""
}

func (c *Contract) readType(spec *ast.TypeSpec, doc string) error {
	name := spec.Name.Name
	switch t := spec.Type.(type) {
	case *ast.InterfaceType:
		methods, err := readMethods(t)
		if err != nil {
			return err
		}
		switch name {
		case "Server":
			c.Server = methods
		case "Client":
			c.Client = methods
		}
	case *ast.StructType:
		fields, err := readFields(t)
		if err != nil {
			return err
		}
		c.Types = append(c.Types, Type{Name: name, Doc: doc, Fields: fields, Kind: "struct"})
	case *ast.Ident:
		c.Types = append(c.Types, Type{Name: name, Doc: doc, Kind: t.Name})
	}
	return nil
}

func readMethods(t *ast.InterfaceType) ([]Method, error) {
	var methods []Method
	for _, m := range t.Methods.List {
		signature, ok := m.Type.(*ast.FuncType)
		if !ok || len(m.Names) != 1 {
			return nil, errors.New("only methods are understood")
		}
		method := Method{Name: m.Names[0].Name, Doc: text(m.Doc)}
		if m.Doc == nil || len(signature.Params.List) != 2 {
			return nil, fmt.Errorf("%s: want a doc comment, and (ctx, params)", method.Name)
		}
		for _, comment := range m.Doc.List {
			if wire, ok := strings.CutPrefix(comment.Text, "//rpc:request "); ok {
				method.Wire = wire
			}
			if wire, ok := strings.CutPrefix(comment.Text, "//rpc:notification "); ok {
				method.Wire, method.Notification = wire, true
			}
		}
		if method.Wire == "" {
			return nil, fmt.Errorf("%s has no //rpc: directive", method.Name)
		}
		method.Params = pointed(signature.Params.List[1].Type)
		if !method.Notification {
			method.Result = pointed(signature.Results.List[0].Type)
		}
		methods = append(methods, method)
	}
	return methods, nil
}

func pointed(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func readFields(t *ast.StructType) ([]Field, error) {
	var fields []Field
	for _, f := range t.Fields.List {
		if len(f.Names) == 0 {
			return nil, errors.New("embedded fields are not understood")
		}
		for _, n := range f.Names {
			if !n.IsExported() {
				continue
			}
			if f.Tag == nil {
				return nil, fmt.Errorf("field %s has no json tag", n.Name)
			}
			tag, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				return nil, err
			}
			name, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
			if name == "" || name == "-" {
				return nil, fmt.Errorf("field %s has no name in its json tag", n.Name)
			}
			ref, err := readRef(f.Type)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", n.Name, err)
			}
			fields = append(fields, Field{Name: name, Doc: inWords(text(f.Doc), n.Name, name), Optional: strings.Contains(options, "omitempty"), Type: *ref})
		}
	}
	return fields, nil
}

// inWords lets a field's doc begin with its name in JSON, where it begins with that in Go.
func inWords(doc, goName, name string) string {
	rest, ok := strings.CutPrefix(doc, goName)
	if !ok || rest != "" && !strings.ContainsAny(rest[:1], " :;,.'") {
		return doc
	}
	return name + rest
}

func readRef(e ast.Expr) (*Ref, error) {
	switch e := e.(type) {
	case *ast.StarExpr:
		ref, err := readRef(e.X)
		if err == nil {
			ref.Nullable = true
		}
		return ref, err
	case *ast.ArrayType:
		elem, err := readRef(e.Elt)
		return &Ref{Kind: "array", Elem: elem}, err
	case *ast.MapType:
		if key, ok := e.Key.(*ast.Ident); !ok || key.Name != "string" {
			return nil, errors.New("keys other than string")
		}
		elem, err := readRef(e.Value)
		return &Ref{Kind: "map", Elem: elem}, err
	case *ast.SelectorExpr:
		if e.Sel.Name == "RawMessage" {
			return &Ref{Kind: "any"}, nil
		}
	case *ast.Ident:
		switch e.Name {
		case "string", "bool":
			return &Ref{Kind: e.Name}, nil
		case "int", "int32", "int64":
			return &Ref{Kind: "int"}, nil
		}
		return &Ref{Kind: "named", Name: e.Name}, nil
	}
	return nil, fmt.Errorf("a type that JSON does not have: %T", e)
}

// text is a comment without its directives, in one line per paragraph.
func text(doc *ast.CommentGroup) string {
	if doc == nil {
		return ""
	}
	var paragraphs []string
	for _, p := range strings.Split(strings.TrimSpace(doc.Text()), "\n\n") {
		paragraphs = append(paragraphs, strings.Join(strings.Fields(p), " "))
	}
	return strings.TrimSpace(strings.Join(paragraphs, "\n\n"))
}
