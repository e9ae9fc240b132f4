package link

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine/tunnel"
)

// dataLink is the link that the kubelet swaps when it updates a volume.
const dataLink = "..data"

// maxEntries bounds the files of one mount.
const maxEntries = 20_000

// folder holds a mount's content on the workstation. Names from an archive never
// lead out of it.
type folder struct{ root *os.Root }

func openFolder(path string) (*folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{root: root}, nil
}

func (f *folder) close() { _ = f.root.Close() }

// apply makes the folder what the archive says, in the kubelet's order: new files
// first, then the link to them in one rename, what is old last. Programs that watch
// their configuration see what they would see in the pod.
func (f *folder) apply(archive []byte) error {
	entries, err := readArchive(archive)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, e := range entries {
		for name := e.name; name != "."; name = path.Dir(name) {
			names[name] = true
		}
		if e.header.Typeflag != tar.TypeSymlink {
			if err := f.write(e); err != nil {
				return err
			}
		}
	}
	// The version first: the other links lead through it.
	for _, version := range []bool{true, false} {
		for _, e := range entries {
			if e.header.Typeflag == tar.TypeSymlink && (e.name == dataLink) == version {
				if err := f.link(e); err != nil {
					return err
				}
			}
		}
	}
	return f.removeAllBut(names)
}

type entry struct {
	name   string
	header *tar.Header
	data   []byte
}

func readArchive(archive []byte) (entries []entry, err error) {
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		if len(entries) == maxEntries {
			return nil, fmt.Errorf("more than %d files", maxEntries)
		}
		name := path.Clean(header.Name)
		if name == "." || path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
			return nil, fmt.Errorf("%q is no name below a mount", header.Name)
		}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeDir, tar.TypeSymlink:
		default:
			return nil, fmt.Errorf("%q is of type %q", header.Name, header.Typeflag)
		}
		data, err := io.ReadAll(r) // no longer than the archive
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name, header, data})
	}
}

// write writes a file or folder.
func (f *folder) write(e entry) error {
	if e.header.Typeflag == tar.TypeDir {
		if err := f.root.MkdirAll(e.name, 0o700); err != nil {
			return err
		}
		return makeLike(f.root, e.name, e.header)
	}
	if err := f.root.MkdirAll(path.Dir(e.name), 0o700); err != nil {
		return err
	}
	if old, err := f.root.ReadFile(e.name); err == nil && bytes.Equal(old, e.data) {
		return nil
	}
	partial := e.name + ".kubetunnel-partial"
	if err := f.root.WriteFile(partial, e.data, 0o600); err != nil {
		return err
	}
	err := errors.Join(makeLike(f.root, partial, e.header), f.root.Chtimes(partial, e.header.ModTime, e.header.ModTime))
	if err == nil {
		err = f.root.Rename(partial, e.name)
	}
	return err
}

// superuser: this process can give files away.
var superuser = os.Geteuid() == 0

// makeLike gives a file or folder the mode and the owner that it has in the pod. An
// ordinary user owns all of it, and can read what the app's user could, and keep
// folders up to date.
func makeLike(root *os.Root, name string, like *tar.Header) error {
	const carried = fs.ModePerm | fs.ModeSetgid | fs.ModeSticky
	mode := like.FileInfo().Mode() & carried
	if superuser {
		// Where root has not all ids, the owner stays root.
		_ = root.Lchown(name, like.Uid, like.Gid)
	} else if like.Typeflag == tar.TypeDir {
		mode |= 0o700
	} else if like.PAXRecords[tunnel.PAXUnreadable] == "" {
		mode |= 0o400
	} else {
		mode &^= 0o400 // so it is for the app's user
	}
	return root.Chmod(name, mode)
}

// link makes a symbolic link, or exchanges the one that is there in one step.
func (f *folder) link(e entry) error {
	if old, err := f.root.Readlink(e.name); err == nil && old == e.header.Linkname {
		return nil
	}
	if err := f.root.MkdirAll(path.Dir(e.name), 0o700); err != nil {
		return err
	}
	// The kubelet's name for it, which watchers know.
	partial := e.name + "_tmp"
	if err := f.root.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.root.Symlink(e.header.Linkname, partial); err != nil {
		return err
	}
	return f.root.Rename(partial, e.name)
}

// removeAllBut removes what is not in the archive any more.
func (f *folder) removeAllBut(names map[string]bool) error {
	var old []string
	err := fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." || names[name] {
			return err
		}
		old = append(old, name)
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	for _, name := range old {
		err = errors.Join(err, f.root.RemoveAll(name))
	}
	return err
}
