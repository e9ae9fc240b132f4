package link

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// FuzzArchive: what a twin sends for a mount stays in the mount's folder, whatever it
// is, also after another one.
func FuzzArchive(f *testing.F) {
	made := func(headers ...*tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if err := w.WriteHeader(h); err != nil {
				f.Fatal(err)
			}
			if h.Size > 0 {
				if _, err := w.Write(bytes.Repeat([]byte{'x'}, int(h.Size))); err != nil {
					f.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	file := &tar.Header{Typeflag: tar.TypeReg, Name: "a/b", Size: 3, Mode: 0o600}
	f.Add(made(file), made(file))
	f.Add(made(&tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: ".."}), made(file))
	f.Add(made(&tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "/"}), made(&tar.Header{Typeflag: tar.TypeReg, Name: "a/canary", Size: 1}))
	f.Add(made(&tar.Header{Typeflag: tar.TypeReg, Name: "../canary", Size: 1}), made(&tar.Header{Typeflag: tar.TypeSymlink, Name: "..data", Linkname: "../.."}))
	f.Add(made(&tar.Header{Typeflag: tar.TypeDir, Name: "a"}, file, &tar.Header{Typeflag: tar.TypeReg, Name: "a", Size: 2}), []byte("no archive"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		outside := t.TempDir()
		dir := filepath.Join(outside, "mount")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		canary := filepath.Join(outside, "canary")
		if err := os.WriteFile(canary, []byte("alive"), 0o600); err != nil {
			t.Fatal(err)
		}
		folder, err := openFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer folder.close()
		_ = folder.apply(first)
		_ = folder.apply(second)
		entries, err := os.ReadDir(outside)
		if err != nil || len(entries) != 2 {
			t.Fatalf("outside there is %v, %v", entries, err)
		}
		if content, err := os.ReadFile(canary); err != nil || string(content) != "alive" {
			t.Fatalf("the file outside is %q, %v", content, err)
		}
		// Folders that nobody may enter would outlive the test.
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
			if d != nil && d.IsDir() {
				_ = os.Chmod(path, 0o700) //nolint:gosec // a folder
			}
			return nil
		})
	})
}
