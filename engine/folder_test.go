//go:build unix

package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func newFolder(t *testing.T) *privateFolder {
	t.Helper()
	f, err := newPrivateFolder()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.path, "token"), []byte("secret"), 0o400); err != nil {
		t.Fatal(err)
	}
	return f
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func TestFoldersOfKilledServersAreRemovedAndNoOthers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	killed, living := newFolder(t), newFolder(t)
	// Death unlocks; nothing else is done.
	if err := killed.held.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "kubetunnel-other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, folderPrefix+"link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	next := newFolder(t)
	for path, want := range map[string]bool{killed.path: false, living.path: true, next.path: true, other: true, link: true} {
		if exists(path) != want {
			t.Errorf("%s is there: %v, want %v", path, !want, want)
		}
	}
	for _, f := range []*privateFolder{living, next, next, nil} {
		if err := f.remove(); err != nil {
			t.Error(err)
		}
	}
	if exists(living.path) || exists(next.path) {
		t.Error("a removed folder is there")
	}
}
