package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCopyToReplacesTheFileWithThisBinary(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tunnel-agent")
	if err := os.WriteFile(path, []byte("a former version"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"copy-to", path}); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

func TestCopyToAFolderThatIsNotThereFails(t *testing.T) {
	err := run([]string{"copy-to", filepath.Join(t.TempDir(), "missing", "tunnel-agent")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestWrongUsageIsToldAsSuch(t *testing.T) {
	for _, args := range [][]string{nil, {"copy-to"}, {"dance"}} {
		if err := run(args); !errors.Is(err, errUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
