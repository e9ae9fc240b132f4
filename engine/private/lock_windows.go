package private

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lockName is the file in each folder that its owner keeps open: an open file that
// nobody may share can neither be opened nor removed by others.
const lockName = "owner.lock"

type hold struct{ file windows.Handle }

// take locks a folder, if nobody else has.
func take(path string) (*hold, error) {
	name, err := windows.UTF16PtrFromString(filepath.Join(path, lockName))
	if err != nil {
		return nil, err
	}
	file, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case errors.Is(err, windows.ERROR_PATH_NOT_FOUND), errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return nil, errSwept
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION), errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return nil, errHeld
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: filepath.Join(path, lockName), Err: err}
	}
	return &hold{file: file}, nil
}

func (h *hold) sure() bool { return true }

// remove removes the folder, the lock last. A sweep that comes between has nothing
// left to do but the same.
func (h *hold) remove(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		h.release()
		return err
	}
	var failures []error
	for _, entry := range entries {
		if entry.Name() != lockName {
			failures = append(failures, os.RemoveAll(filepath.Join(path, entry.Name())))
		}
	}
	h.release()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return err
	}
	return nil
}

func (h *hold) release() { _ = windows.CloseHandle(h.file) }

// ownedByUs: the temporary files of Windows are each user's own.
func ownedByUs(string) bool { return true }
