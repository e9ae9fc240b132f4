package link

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
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
	// An ordinary user owns it, and must be able to read it.
	want := os.FileMode(0o440)
	if superuser {
		want = 0o040
	}
	if info, err := os.Stat(filepath.Join(dir, "a")); err != nil || info.Mode().Perm() != want {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestFoldersAndFilesAreLikeThePods(t *testing.T) {
	_, dir := newFolder(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	unreadable := map[string]string{tunnel.PAXUnreadable: "1"}
	for name, row := range map[string]struct {
		header     tar.Header
		root, user fs.FileMode
	}{
		"shared by a group": {tar.Header{Typeflag: tar.TypeDir, Mode: 0o2777}, 0o777 | fs.ModeDir | fs.ModeSetgid, 0o777 | fs.ModeDir | fs.ModeSetgid},
		"sticky":            {tar.Header{Typeflag: tar.TypeDir, Mode: 0o1777}, 0o777 | fs.ModeDir | fs.ModeSticky, 0o777 | fs.ModeDir | fs.ModeSticky},
		"not the owner's":   {tar.Header{Typeflag: tar.TypeDir, Mode: 0o055}, 0o055 | fs.ModeDir, 0o755 | fs.ModeDir},
		"set user id":       {tar.Header{Typeflag: tar.TypeReg, Mode: 0o4755}, 0o755, 0o755},
		"a group's":         {tar.Header{Typeflag: tar.TypeReg, Mode: 0o040}, 0o040, 0o440},
		"root's alone":      {tar.Header{Typeflag: tar.TypeReg, Mode: 0o400, PAXRecords: unreadable}, 0o400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if row.header.Typeflag == tar.TypeDir {
				err = root.Mkdir("x", 0o700)
			} else {
				err = root.WriteFile("x", nil, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = root.RemoveAll("x") }()
			row.header.Uid, row.header.Gid = 1001, 2001
			if err := makeLike(root, "x", &row.header); err != nil {
				t.Fatal(err)
			}
			want := row.user
			if superuser {
				want = row.root
			}
			info, err := root.Stat("x")
			if err != nil || info.Mode() != want {
				t.Errorf("%v, %v, want %v", info.Mode(), err, want)
			}
		})
	}
}

func TestMountsOfOneScratchVolumeShowTheSame(t *testing.T) {
	known := map[string]string{}
	for _, row := range []struct {
		mount      tunnel.Mount
		path, want string
	}{
		{tunnel.Mount{Name: "work"}, "/dir/0", "/dir/0"},
		{tunnel.Mount{Name: "work", SubPath: "part/of"}, "/dir/1", "/dir/0/part/of"},
		{tunnel.Mount{Name: "other", SubPath: "part"}, "/dir/2", "/dir/2/part"},
		{tunnel.Mount{Name: "work", SubPath: "../../etc"}, "/dir/3", "/dir/0"},
		{tunnel.Mount{}, "/dir/4", "/dir/4"},
	} {
		if got := scratchPath(known, row.mount, row.path); got != row.want {
			t.Errorf("%+v is at %s, want %s", row.mount, got, row.want)
		}
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
