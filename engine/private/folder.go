// Package private makes the folders that sessions keep on the workstation: this
// user's alone, and gone when their owner is, however it went.
//
// It imports nothing of the project.
package private

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// prefix of the names of all such folders.
const prefix = "kubetunnel-run-"

// mostTries is how often a sweep may win against the making of a folder.
const mostTries = 20

// Folder is a private folder. The process that made it holds a lock on it, which the
// system lets go of when the process ends, so that a sweep can tell that nobody needs
// the folder any more: a process number would tell nothing, it is given out again.
type Folder struct {
	path string
	hold *hold

	removing sync.Mutex
}

// errSwept: a sweep was faster than the maker of a folder.
var errSwept = errors.New("the folder was swept before it was locked")

// errHeld: the owner of a folder lives.
var errHeld = errors.New("the folder is in use")

// New makes a folder among the system's temporary files.
func New() (*Folder, error) { return newIn(os.TempDir()) }

func newIn(parent string) (*Folder, error) {
	for range mostTries {
		path, err := os.MkdirTemp(parent, prefix) // 0700
		if err != nil {
			return nil, err
		}
		held, err := take(path)
		switch {
		case err == nil:
			return &Folder{path: path, hold: held}, nil
		case errors.Is(err, errSwept), errors.Is(err, errHeld):
			// What the sweep has not removed yet, it is about to.
		default:
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), os.RemoveAll(path))
		}
	}
	return nil, fmt.Errorf("%d new folders in %s: %w", mostTries, parent, errSwept)
}

// Path is the folder's.
func (f *Folder) Path() string { return f.path }

// Remove removes the folder with all that is in it. It may be called twice.
func (f *Folder) Remove() error {
	f.removing.Lock()
	defer f.removing.Unlock()
	if f.hold == nil {
		return nil
	}
	err := f.hold.remove(f.path)
	f.hold = nil
	return err
}

// List gives the paths of this user's folders.
func List() ([]string, error) { return listIn(os.TempDir()) }

func listIn(parent string) (paths []string, err error) {
	// Read rather than globbed: the parent's name may hold what is special in a pattern.
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		path := filepath.Join(parent, entry.Name())
		if entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) && ownedByUs(path) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// Sweep removes the folders of this user whose owners have ended without removing
// them, and tells which. Folders that are in use stay. Look is
// called before a folder is removed, while nobody else can.
func Sweep(look func(path string)) (removed []string, err error) { return sweepIn(os.TempDir(), look) }

func sweepIn(parent string, look func(path string)) (removed []string, err error) {
	folders, err := listIn(parent)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, path := range folders {
		held, err := take(path)
		switch {
		case err != nil:
			// In use, or gone.
		case !held.sure():
			held.release()
		default:
			look(path)
			if err := held.remove(path); err != nil {
				failures = append(failures, err)
			} else {
				removed = append(removed, path)
			}
		}
	}
	return removed, errors.Join(failures...)
}
