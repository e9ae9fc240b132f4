package binaries

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheKeyFollowsWhatTheProgramsAreMadeOf(t *testing.T) {
	src := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		path := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func() string {
		t.Helper()
		k, err := Key(src)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	put("go.mod", "module x")
	put("go.sum", "")
	put("cmd/a/main.go", "package main")
	last := key()
	if key() != last {
		t.Fatal("the key of the same files differs")
	}
	for _, change := range []struct {
		name, content string
		counts        bool
	}{
		{"README.md", "words", false},
		{"cmd/a/main.go", "package main // changed", true},
		{"go.mod", "module y", true},
		{"go.sum", "sums", true},
		{"cmd/b/main.go", "package main", true},
	} {
		put(change.name, change.content)
		now := key()
		if (now != last) != change.counts {
			t.Errorf("%s: the key changed: %v", change.name, now != last)
		}
		last = now
	}
}

func TestTheSourceIsFoundFromAnyFolderOfTheCheckout(t *testing.T) {
	root := t.TempDir()
	module := filepath.Join(root, "test", "devcluster", "hyperkube")
	for _, dir := range []string{module, filepath.Join(root, "engine", "sandbox")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte("module x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, filepath.Join(root, "engine", "sandbox"), filepath.Dir(module), module} {
		t.Chdir(dir)
		if got, err := FindSource(); err != nil || got != module {
			t.Errorf("from %s: got %s, %v", dir, got, err)
		}
	}
	t.Chdir(t.TempDir())
	if got, err := FindSource(); err == nil {
		t.Errorf("from elsewhere: got %s", got)
	}
}
