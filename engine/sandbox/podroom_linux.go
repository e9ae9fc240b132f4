package sandbox

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// makeRoom makes the missing names below folder, without touching it: a tmpfs takes
// its place, in which everything that was there is shown again. What programs make
// anew directly in that folder stays in the sandbox.
func (p *podFiles) makeRoom(folder string, missing []string, isDir bool) (string, error) {
	var status unix.Stat_t
	if err := unix.Stat(folder, &status); err != nil {
		return "", &os.PathError{Op: "stat", Path: folder, Err: err}
	}
	target := filepath.Join(append([]string{folder}, missing...)...)
	if p.rooms[status.Dev] {
		// What is in the way was shown again here: uncovered, its empty mount point can go.
		first := filepath.Join(folder, missing[0])
		if _, err := os.Lstat(first); err == nil {
			_ = unix.Unmount(first, unix.MNT_DETACH)
			if err := os.Remove(first); err != nil {
				return "", err
			}
		}
		return target, makeMountPoint(target, isDir)
	}
	if unix.Access(folder, unix.W_OK) != nil {
		p.closed = append(p.closed, folder)
	}
	cover := folder
	if folder == "/" {
		// A mount upon the root would not be seen: the root itself is exchanged.
		cover = p.stage
	}
	if err := fillRoom(folder, cover, missing[0], status.Mode&0o7777); err != nil {
		return "", err
	}
	if folder == "/" {
		if err := exchangeRoot(cover); err != nil {
			return "", err
		}
		p.oldRoot = true
	}
	if err := unix.Stat(folder, &status); err != nil {
		return "", &os.PathError{Op: "stat", Path: folder, Err: err}
	}
	p.rooms[status.Dev] = true
	return target, makeMountPoint(target, isDir)
}

// fillRoom mounts a tmpfs at cover and shows in it what is in folder, one name left out.
func fillRoom(folder, cover, without string, mode uint32) error {
	below, err := os.OpenFile(folder, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = below.Close() }()
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", cover, "tmpfs", 0, fmt.Sprintf("mode=%04o", mode)); err != nil {
		return &os.PathError{Op: "cover", Path: cover, Err: err}
	}
	if folder != cover {
		// Else the copy of the tree that holds it would hold it too.
		if err := unix.Mount("", cover, "", unix.MS_UNBINDABLE, ""); err != nil {
			return &os.PathError{Op: "cover", Path: cover, Err: err}
		}
	}
	for _, e := range entries {
		if e.Name() == without {
			continue
		}
		if err := showAgain(below, e, filepath.Join(cover, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func makeMountPoint(target string, isDir bool) error {
	if isDir {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// showAgain shows an entry of a covered folder in the cover.
func showAgain(below *os.File, e os.DirEntry, at string) error {
	from := fmt.Sprintf("/proc/self/fd/%d/%s", below.Fd(), e.Name())
	if e.Type()&os.ModeSymlink != 0 {
		to, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(to, at)
	}
	fd, err := unix.Openat(int(below.Fd()), e.Name(), unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err == unix.ENOENT {
		return nil // gone meanwhile
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: at, Err: err}
	}
	source := os.NewFile(uintptr(fd), e.Name())
	defer func() { _ = source.Close() }()
	if err := makeMountPoint(at, e.IsDir()); err != nil {
		return err
	}
	return bind(source, at)
}

// oldRoot is where the workstation's root is seen until all is mounted.
const oldRoot = ".kubetunnel-old-root"

// exchangeRoot makes the tree at stage the root of this mount namespace. The old one
// stays for a while: only what belongs to the namespace can be shown again.
func exchangeRoot(stage string) error {
	if err := os.Mkdir(filepath.Join(stage, oldRoot), 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(stage, filepath.Join(stage, oldRoot)); err != nil {
		return &os.PathError{Op: "pivot_root", Path: stage, Err: err}
	}
	return os.Chdir("/")
}

// dropOldRoot takes it away.
func dropOldRoot() error {
	if err := unix.Unmount("/"+oldRoot, unix.MNT_DETACH); err != nil {
		return &os.PathError{Op: "unmount", Path: "/" + oldRoot, Err: err}
	}
	return os.Remove("/" + oldRoot)
}
