package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tested are the debuggers whose versions the pages name, and where the version that the
// tests run is pinned: the expression's only group.
var tested = []struct {
	page, before, file string
	pinned             *regexp.Regexp
}{
	{"README.md", "Delve ", "Makefile", regexp.MustCompile(`DELVE_VERSION := v([0-9.]+)\n`)},
	{"README.md", "debugpy ", "scripts/python-requirements.in", regexp.MustCompile(`(?m)^debugpy==([0-9.]+)$`)},
	{"README.md", "lldb-dap ", "scripts/lldb-dap.sh", regexp.MustCompile(`(?m)^version=([0-9]+)$`)},
	{"README.md", "GDB ", "scripts/gdb.sh", regexp.MustCompile(`(?m)^version=([0-9]+)\.`)},
	{"README.md", "js-debug ", "scripts/jsdebug.sh", regexp.MustCompile(`(?m)^version=([0-9]+\.[0-9]+)\.`)},
	{"docs/debuggers.md", "| `go`, `delve`, `dlv` | ", "Makefile", regexp.MustCompile(`DELVE_VERSION := v([0-9.]+)\n`)},
	{"docs/debuggers.md", "| `debugpy`, `python` | ", "scripts/python-requirements.in", regexp.MustCompile(`(?m)^debugpy==([0-9.]+)$`)},
	{"docs/debuggers.md", "| `js-debug` | ", "scripts/jsdebug.sh", regexp.MustCompile(`(?m)^version=([0-9]+\.[0-9]+)\.`)},
}

func TestPagesNameTheVersionsOfDebuggersThatAreTested(t *testing.T) {
	read := func(path string) string {
		content, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for _, row := range tested {
		found := row.pinned.FindStringSubmatch(read(row.file))
		if found == nil {
			t.Errorf("%s pins no version by %v", row.file, row.pinned)
			continue
		}
		if want := row.before + found[1]; !strings.Contains(read(row.page), want) {
			t.Errorf("%s does not say %q, which %s pins", row.page, want, row.file)
		}
	}
	// What is installed is what was asked for.
	version := regexp.MustCompile(`(?m)^debugpy==\S+`)
	if asked, got := version.FindString(read("scripts/python-requirements.in")), version.FindString(read("scripts/python-requirements.txt")); asked == "" || asked != got {
		t.Errorf("python-requirements.txt has %s, python-requirements.in asks for %s", got, asked)
	}
}
