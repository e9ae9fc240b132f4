package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func write(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("hello"), mode); err != nil {
		t.Fatal(err)
	}
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "prog")
	write(t, src, 0o600)
	files := []string{src + ":/usr/bin/prog:0555", src + ":/prog"}
	var built [2][]byte
	for i := range built {
		spec := Spec{
			Ref: "example.test/image:1", User: "65532", WorkDir: "/", Entrypoint: []string{"/prog"},
			Env: []string{"A=b"}, Expose: []string{"80", "53/udp", "443"}, Files: files,
		}
		out := filepath.Join(dir, "out.tar")
		if err := Write(spec, out); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		built[i] = content
		// Neither the order of the flags nor the files' times count.
		slices.Reverse(files)
		if err := os.Chtimes(src, time.Unix(1, 0), time.Unix(2, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two builds of the same files differ")
	}
}

func TestALayerHoldsFilesWithTheirFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "prog"), 0o600)
	write(t, filepath.Join(dir, "app/run.sh"), 0o700)
	write(t, filepath.Join(dir, "app/lib/data"), 0o600)
	if err := os.Symlink("lib/data", filepath.Join(dir, "app/link")); err != nil {
		t.Fatal(err)
	}
	content, err := layerTar([]string{dir + "/prog:/usr/bin/prog:0555", dir + "/app:/app"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"app/ 755", "app/lib/ 755", "app/lib/data 644", "app/link 777 lib/data", "app/run.sh 755",
		"usr/ 755", "usr/bin/ 755", "usr/bin/prog 555",
	}
	if got := list(t, content); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// list gives a line for each entry of a tarball, all of which must be root's, without times.
func list(t *testing.T, content []byte) []string {
	t.Helper()
	var lines []string
	r := tar.NewReader(bytes.NewReader(content))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() > 0 {
			t.Errorf("%s: uid %d, gid %d, time %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		line := fmt.Sprintf("%s %o", h.Name, h.Mode)
		if h.Linkname != "" {
			line += " " + h.Linkname
		}
		lines = append(lines, line)
	}
}

func TestWhatCannotBeInAnImageIsRefused(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	write(t, f, 0o600)
	for name, files := range map[string][]string{
		"the same name twice": {f + ":/a", f + ":/a"},
		"a file as a folder":  {f + ":/a", f + ":/a/b"},
		"what is not there":   {dir + "/none:/a"},
	} {
		if _, err := layerTar(files); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestBadFileArgumentsAreRefused(t *testing.T) {
	for _, arg := range []string{"", "a", "a:b", ":/b", "a:/", "a:/b:9", "a:/b:0", "a:/b:-1", "a:/b:0755:x"} {
		if _, err := parseFile(arg); err == nil {
			t.Errorf("%q was taken", arg)
		}
	}
}
