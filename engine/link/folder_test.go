package link

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// volume is an archive of a mount as the kubelet makes it.
func volume(t *testing.T, version string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h *tar.Header, data string) {
		h.Size = int64(len(data))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	add(&tar.Header{Typeflag: tar.TypeSymlink, Name: "..data", Linkname: version}, "")
	add(&tar.Header{Typeflag: tar.TypeDir, Name: version, Mode: 0o755}, "")
	for name, text := range files {
		add(&tar.Header{Typeflag: tar.TypeReg, Name: version + "/" + name, Mode: 0o040}, text)
		add(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "..data/" + name}, "")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func newFolder(t *testing.T) (*folder, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f, dir
}

func TestUpdateSwapsTheVersionAndLeavesNothingOld(t *testing.T) {
	f, dir := newFolder(t)
	if err := f.apply(volume(t, "..1", map[string]string{"a": "one", "gone": "x"})); err != nil {
		t.Fatal(err)
	}
	// Who reads on in the old version must not see it change.
	reader, err := os.Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if err := f.apply(volume(t, "..2", map[string]string{"a": "two", "b": "new"})); err != nil {
		t.Fatal(err)
	}
	var old [3]byte
	if _, err := reader.Read(old[:]); err != nil || string(old[:]) != "one" {
		t.Errorf("the open file says %q, %v", old, err)
	}
	for name, want := range map[string]string{"a": "two", "b": "new"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
	if target, err := os.Readlink(filepath.Join(dir, "a")); err != nil || target != "..data/a" {
		t.Errorf("a leads to %q, %v", target, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "a")); err != nil || info.Mode().Perm() != 0o440 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestArchiveThatLeadsOutOfTheFolderIsRefused(t *testing.T) {
	for name, entries := range map[string][]*tar.Header{
		"up":             {{Typeflag: tar.TypeReg, Name: "../x"}},
		"absolute":       {{Typeflag: tar.TypeReg, Name: "/x"}},
		"through a link": {{Typeflag: tar.TypeSymlink, Name: "out", Linkname: ".."}, {Typeflag: tar.TypeReg, Name: "out/x"}},
		"a device":       {{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}},
		"a hard link":    {{Typeflag: tar.TypeLink, Name: "x", Linkname: "/etc/passwd"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, dir := newFolder(t)
			// A link of an earlier content is in the way.
			if err := os.Symlink("..", filepath.Join(dir, "out")); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for _, h := range entries {
				if err := w.WriteHeader(h); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if err := f.apply(b.Bytes()); err == nil {
				t.Error("applied")
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(dir), "x")); err == nil {
				t.Error("written outside of the folder")
			}
		})
	}
}
