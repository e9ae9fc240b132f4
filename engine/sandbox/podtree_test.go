//go:build unix

package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// source is a folder as the kubelet makes one: files behind a link to their version.
func source(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPodTreeHasTheMountsAtTheirPaths(t *testing.T) {
	config := source(t, map[string]string{"..1/key": "one", "..2/key": "two"})
	for name, to := range map[string]string{"..data": "..1", "key": "..data/key"} {
		if err := os.Symlink(to, filepath.Join(config, name)); err != nil {
			t.Fatal(err)
		}
	}
	app := source(t, map[string]string{"own": "app", "certs/ca": "covered", "certs/other": "covered"})
	certs := source(t, map[string]string{"ca": "mounted"})
	single := filepath.Join(source(t, map[string]string{"..file": "single"}), "..file")
	odd := source(t, map[string]string{"k": "odd"})
	dir := t.TempDir()
	tree, err := newPodTree(dir, []Mount{
		{Path: "/etc/config", Source: odd}, // covered by the next one
		{Path: "/etc/config", Source: config},
		{Path: "/app", Source: app}, {Path: "/app/certs", Source: certs}, {Path: "/app/a/single.yaml", Source: single},
		{Path: "/srv/a b\n\xff*", Source: odd},
		{Path: "/srv/../up/../../over", Source: odd},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/etc/config/key": "one", "/app/own": "app", "/app/certs/ca": "mounted", "/app/a/single.yaml": "single", "/srv/a b\n\xff*/k": "odd", "/over/k": "odd",
	} {
		if got, err := os.ReadFile(filepath.Join(tree.path, path)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"/app/certs/other", "/up"} {
		if _, err := os.Lstat(filepath.Join(tree.path, path)); err == nil {
			t.Errorf("%s is there", path)
		}
	}
	if len(tree.notes) != 1 || !strings.HasPrefix(tree.notes[0], "/app has another mount") {
		t.Errorf("notes %q", tree.notes)
	}
	// The volume is updated, as the kubelet does it.
	if err := os.Symlink("..2", filepath.Join(config, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(config, "..data_tmp"), filepath.Join(config, "..data")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(tree.path, "etc", "config", "key")); err != nil || string(got) != "two" {
		t.Errorf("after an update %q, %v", got, err)
	}
}

func TestPodWithoutFilesHasNoTree(t *testing.T) {
	dir := t.TempDir()
	tree, err := newPodTree(dir, nil)
	if err != nil || tree.path != "" {
		t.Errorf("%+v, %v", tree, err)
	}
	if _, err := newPodTree("", []Mount{{Path: "/x", Source: dir}}); err == nil {
		t.Error("a tree without a folder")
	}
}
