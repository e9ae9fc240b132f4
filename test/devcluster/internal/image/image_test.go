package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
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

func TestAnArchiveHasAnImageForEachProcessor(t *testing.T) {
	dir := t.TempDir()
	for _, arch := range []string{"amd64", "arm64"} {
		write(t, filepath.Join(dir, arch, "prog"), 0o600)
	}
	out := filepath.Join(dir, "out.tar")
	spec := Spec{
		Ref: "example.test/image:1", User: "65532:65532", Entrypoint: []string{"/prog"},
		Files: []string{dir + "/{arch}/prog:/prog"}, Archs: []string{"amd64", "arm64"},
	}
	if err := Write(spec, out); err != nil {
		t.Fatal(err)
	}
	for i, found := range images(t, out, "example.test/image:1") {
		config, err := found.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if c := config; c.Architecture != spec.Archs[i] || c.OS != "linux" || c.Config.User != "65532:65532" || len(c.RootFS.DiffIDs) != 1 {
			t.Errorf("image %d: %+v", i, c)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".image-*")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// images are those of an archive that has one name.
func images(t *testing.T, path, ref string) []v1.Image {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", dir, "-xf", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	named, err := outer.IndexManifest()
	if err != nil || len(named.Manifests) != 1 || named.Manifests[0].Annotations[containerName] != ref {
		t.Fatalf("%+v, %v", named, err)
	}
	index, err := outer.ImageIndex(named.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var all []v1.Image
	for _, m := range manifest.Manifests {
		img, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, img)
	}
	if len(all) < 2 {
		t.Fatalf("%d images", len(all))
	}
	return all
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
