package debug_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/debug"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// workspace makes a folder with these files.
func workspace(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestProgramsOfTheOpenFileAreSuggestedFirst(t *testing.T) {
	dir := workspace(t, map[string]string{
		"cart/main.go": "package main\n", "cart/a_test.go": "package main_test\n", "lib/lib.go": "package lib\n", "cmd/tool/main.go": "package main\n",
		"main.py": "", "jobs/report.py": "", "server.js": "", "package.json": `{"scripts": {"start": "node server.js"}}`, "src/a.ts": "",
	})
	others := []string{"Go: cart", "Go: tool", "Python: main.py", "Node: npm start", "Node: server.js"}
	for _, c := range []struct {
		file  string
		first string
	}{
		{"cart/main.go", "Go: cart"},
		{"cart/a_test.go", "Go: cart"},
		{"cmd/tool/main.go", "Go: tool"},
		{"lib/lib.go", others[0]},
		{"jobs/report.py", "Python: report.py"},
		{"server.js", "Node: server.js"},
		{"src/a.ts", "Node: npm start"},
		{"README.md", others[0]},
	} {
		found := debug.Suggest(protocol.Target{Service: "cart"}, dir, filepath.Join(dir, filepath.FromSlash(c.file)))
		if len(found) < len(others) || found[0].Title != c.first {
			t.Errorf("%s: %+v, want %s first", c.file, found, c.first)
		}
	}
}

func TestWhatIsSuggestedCanBeResolved(t *testing.T) {
	dir := workspace(t, map[string]string{"cart/main.go": "package main\n", "main.py": "", "server.js": ""})
	target := protocol.Target{Service: "cart", Namespace: "shop"}
	found := debug.Suggest(target, dir, filepath.Join(dir, "cart", "main.go"))
	if len(found) != 3 {
		t.Fatalf("%+v", found)
	}
	for _, s := range found {
		if s.Configuration.Target.Service != "cart" || s.Configuration.Name != "Debug cart in cluster" || s.Configuration.Type != "kubetunnel" {
			t.Errorf("%+v", s.Configuration)
		}
		result, err := debug.Resolve(target, s.Configuration.Debug, debug.ResolveOptions{Folder: dir})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range result.Diagnostics {
			if d.Severity == protocol.SeverityError && d.Code == protocol.CodeBadLaunch {
				t.Errorf("%s: %s", s.Title, d.Message)
			}
		}
	}
	var launch struct{ Program string }
	if err := json.Unmarshal(found[0].Configuration.Debug, &launch); err != nil || launch.Program != "${workspaceFolder}/cart" {
		t.Errorf("%s, %v: the path is not as it would be written", found[0].Configuration.Debug, err)
	}
}

func TestWithoutAFolderOnlyTheOpenFileIsSuggested(t *testing.T) {
	dir := workspace(t, map[string]string{"main.go": "package main\n"})
	if found := debug.Suggest(protocol.Target{Service: "cart"}, "", filepath.Join(dir, "main.go")); len(found) != 1 {
		t.Errorf("%+v", found)
	}
	if found := debug.Suggest(protocol.Target{Service: "cart"}, "", ""); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}
