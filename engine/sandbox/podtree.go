package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// podTree is a folder below which the pod's mounts are found by their paths in the
// pod. It consists of links to the mounts' own folders, so that what changes there
// is seen here.
type podTree struct {
	// path is "" when the pod has no files.
	path string
	// notes are sentences about what is not in it.
	notes []string

	root *os.Root
}

func newPodTree(dir string, mounts []Mount) (*podTree, error) {
	t := &podTree{}
	if len(mounts) == 0 {
		return t, nil
	}
	if dir == "" {
		return nil, errors.New("this sandbox has no folder for the pod's files")
	}
	tree := filepath.Join(dir, "root")
	err := os.Mkdir(tree, 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, ErrBecame
	case err != nil:
		return nil, err
	}
	if t.root, err = os.OpenRoot(tree); err != nil {
		return nil, err
	}
	defer func() { _ = t.root.Close() }()
	t.path = tree
	// What is mounted last covers the others, and what is deep what is above it.
	mounts = slices.Clone(mounts)
	slices.Reverse(mounts)
	slices.SortStableFunc(mounts, func(a, b Mount) int {
		return cmp.Compare(strings.Count(path.Clean(b.Path), "/"), strings.Count(path.Clean(a.Path), "/"))
	})
	for _, m := range mounts {
		shared, err := t.place(m.Source, strings.TrimPrefix(path.Clean(m.Path), "/"))
		switch {
		case err != nil:
			t.notes = append(t.notes, fmt.Sprintf("%s is not below %s: %v.", m.Path, RootVariable, err))
		case shared:
			t.notes = append(t.notes, fmt.Sprintf("%s has another mount of the pod below it: below %s, files that are added to it later are not seen.", m.Path, RootVariable))
		}
	}
	return t, nil
}

// place shows a source at a name, as far as nothing deeper is there already: shared
// tells that something is, and that what is beside it was linked one by one.
func (t *podTree) place(source, name string) (shared bool, err error) {
	name = filepath.FromSlash(name)
	there, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := t.root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return false, err
		}
		return false, t.root.Symlink(source, name)
	case err != nil:
		return false, err
	case !there.IsDir():
		return false, nil // covered
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return true, err
	}
	var failures []error
	for _, entry := range entries {
		_, err := t.place(filepath.Join(source, entry.Name()), filepath.Join(name, entry.Name()))
		failures = append(failures, err)
	}
	return true, errors.Join(failures...)
}
