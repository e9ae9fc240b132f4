package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Names of sessions' private folders; one that is being made is not looked at.
const (
	folderPrefix = "kubetunnel-s-"
	folderBorn   = "kubetunnel-new-"
)

// privateFolder is a session's own (0700): its sockets are in it, and the content of
// the app's Secrets. It is locked while its session lives.
type privateFolder struct {
	path string
	held *os.File
}

// newPrivateFolder makes a folder, and removes those that killed servers of this user
// have left.
func newPrivateFolder() (*privateFolder, error) {
	removeLeftFolders()
	born, err := os.MkdirTemp("", folderBorn) // 0700
	if err != nil {
		return nil, err
	}
	held, err := os.Open(born)
	if err != nil {
		return nil, errors.Join(err, os.Remove(born))
	}
	f := &privateFolder{path: strings.Replace(born, folderBorn, folderPrefix, 1), held: held}
	if _, err = lockFolder(held); err == nil {
		err = os.Rename(born, f.path)
	}
	if err != nil {
		return nil, errors.Join(err, held.Close(), os.Remove(born))
	}
	return f, nil
}

// remove may be called twice; nil is no folder.
func (f *privateFolder) remove() error {
	if f == nil {
		return nil
	}
	err := os.RemoveAll(f.path)
	_ = f.held.Close()
	return err
}

// removeLeftFolders removes folders whose session is gone. It is no session's fault
// when that fails.
func removeLeftFolders() {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range paths {
		if info, err := os.Lstat(path); err != nil || !info.IsDir() || !ownedByUser(info) {
			continue
		}
		held, err := os.Open(path)
		if err != nil {
			continue
		}
		if free, _ := lockFolder(held); free {
			_ = os.RemoveAll(path)
		}
		_ = held.Close()
	}
}
