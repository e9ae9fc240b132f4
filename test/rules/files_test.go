package rules

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostLines is how long a file of one thing may get.
const mostLines = 500

// notOurs are folders of what is built or fetched.
var notOurs = []string{".git", "node_modules", "build", "bin"}

// goFiles calls check for each Go file of the project.
func goFiles(t *testing.T, check func(path string, content []byte)) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(notOurs, d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		content, err := os.ReadFile(path)
		if err == nil {
			found++
			check(path, content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 100 {
		t.Fatalf("only %d Go files were found", found)
	}
}

func generated(t *testing.T, path string, content []byte) bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, content, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return false
	}
	return ast.IsGenerated(file)
}

func TestFilesAreForOneThing(t *testing.T) {
	goFiles(t, func(path string, content []byte) {
		if n := bytes.Count(content, []byte("\n")); n > mostLines && !generated(t, path, content) {
			t.Errorf("%s has %d lines, %d at most: is it one thing?", path, n, mostLines)
		}
	})
}

func TestFilesAreFormatted(t *testing.T) {
	goFiles(t, func(path string, content []byte) {
		formatted, err := format.Source(content)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if !bytes.Equal(formatted, content) {
			t.Errorf("%s is not formatted: gofmt -w %s", path, path)
		}
	})
}
