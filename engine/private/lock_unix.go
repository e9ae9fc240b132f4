//go:build unix

package private

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// hold is a lock on the folder itself, which cleaners of temporary files respect too
// (systemd-tmpfiles).
type hold struct {
	dir *os.File
	// unlocked: the file system has no such locks. Then no sweep gets one either.
	unlocked bool
}

// take locks a folder, if nobody else has.
func take(path string) (*hold, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, errSwept
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h := &hold{dir: os.NewFile(uintptr(fd), path)}
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		h.release()
		return nil, errHeld
	case errors.Is(err, unix.EBADF), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		// NFS, for one, locks no folders.
		h.unlocked = true
	case err != nil:
		h.release()
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	// Whoever had the lock until now may have removed the folder.
	if !h.isAt(path) {
		h.release()
		return nil, errSwept
	}
	return h, nil
}

func (h *hold) isAt(path string) bool {
	ours, err := h.dir.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(ours, there)
}

// sure tells whether the lock proves that nobody else has one.
func (h *hold) sure() bool { return !h.unlocked }

// remove removes the folder while it is locked.
func (h *hold) remove(path string) error {
	defer h.release()
	return os.RemoveAll(path)
}

func (h *hold) release() { _ = h.dir.Close() }

// ownedByUs tells whether this user made the folder: the names are anybody's.
func ownedByUs(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && int(st.Uid) == os.Geteuid()
}
