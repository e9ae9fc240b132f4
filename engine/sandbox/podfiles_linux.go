package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// podFiles mounts in the init's namespace.
type podFiles struct {
	stage string
	// rooms are the file systems that stand in for covered folders, by device number.
	rooms map[uint64]bool
	// closed are those of them in which programs must not make files, as it was before.
	closed []string
	// oldRoot: the root was exchanged, the old one is still there.
	oldRoot bool
}

// mountPodFiles puts the pod's files at their paths in this mount namespace. The
// workstation's own files are covered, never changed.
func mountPodFiles(s initPod) error {
	var sources []*os.File
	defer func() { closeAll(sources) }()
	for _, m := range s.Mounts {
		// All are opened before the first is mounted, which may cover the others.
		fd, err := unix.Open(string(m.Source), unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: string(m.Source), Err: err}
		}
		sources = append(sources, os.NewFile(uintptr(fd), string(m.Source)))
	}
	for _, folder := range s.Hide {
		if err := hideFolder(string(folder)); err != nil {
			return err
		}
	}
	p := podFiles{stage: string(s.Stage), rooms: map[uint64]bool{}}
	for i, m := range s.Mounts {
		if err := p.mount(sources[i], string(m.Path), m.ReadOnly); err != nil {
			return fmt.Errorf("mounting %q: %w", m.Path, err)
		}
	}
	if p.oldRoot {
		if err := dropOldRoot(); err != nil {
			return err
		}
	}
	for _, room := range p.closed {
		if err := makeReadOnly(room); err != nil {
			return err
		}
	}
	return nil
}

// hideFolder covers a folder with an empty one; one that is not there is hidden enough.
func hideFolder(folder string) error {
	folder, missing, err := resolveInside(folder)
	if err != nil || len(missing) > 0 {
		return err
	}
	err = unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_RDONLY, "mode=0755,size=4k")
	if err != nil {
		return &os.PathError{Op: "hide", Path: folder, Err: err}
	}
	return nil
}

func (p *podFiles) mount(source *os.File, path string, readOnly bool) error {
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, missing, err := resolveInside(filepath.Clean(path))
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		there, err := os.Lstat(target)
		if err != nil {
			return err
		}
		if there.IsDir() != info.IsDir() {
			// A file where a folder is to be, or the other way round.
			target, missing = filepath.Dir(target), []string{filepath.Base(target)}
		}
	}
	if len(missing) > 0 {
		if target, err = p.makeRoom(target, missing, info.IsDir()); err != nil {
			return err
		}
	}
	if err := bind(source, target); err != nil {
		return err
	}
	if readOnly {
		return makeReadOnly(target)
	}
	return nil
}

// bind shows an open folder or file at target, with what is mounted below it: a
// user namespace may not show a tree without that.
func bind(source *os.File, target string) error {
	from := fmt.Sprintf("/proc/self/fd/%d", source.Fd())
	if err := unix.Mount(from, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return &os.PathError{Op: "bind " + source.Name(), Path: target, Err: err}
	}
	return nil
}

// makeReadOnly keeps the flags that a user namespace may not take off.
func makeReadOnly(target string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: target, Err: err}
	}
	flags := uintptr(unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY)
	for st, ms := range map[int64]uintptr{
		unix.ST_NOSUID: unix.MS_NOSUID, unix.ST_NODEV: unix.MS_NODEV, unix.ST_NOEXEC: unix.MS_NOEXEC,
		unix.ST_NOATIME: unix.MS_NOATIME, unix.ST_NODIRATIME: unix.MS_NODIRATIME, unix.ST_RELATIME: unix.MS_RELATIME,
	} {
		if int64(fs.Flags)&st != 0 {
			flags |= ms
		}
	}
	if err := unix.Mount("", target, "", flags, ""); err != nil {
		return &os.PathError{Op: "remount read-only", Path: target, Err: err}
	}
	return nil
}

// maxLinks is how many symbolic links are followed, as in the kernel.
const maxLinks = 40

// resolveInside follows a path through symbolic links, as far as there are files: a
// mount must not land on a link, but where it leads. missing are the names after
// that; when a file stands where a folder is needed, its name is the first of them.
func resolveInside(path string) (there string, missing []string, err error) {
	there = "/"
	rest := strings.Split(strings.Trim(path, "/"), "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			there = filepath.Dir(there)
			continue
		}
		next := filepath.Join(there, name)
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, os.ErrNotExist):
			there, missing = readableFolder(there, append([]string{name}, rest...))
			return there, missing, nil
		case errors.Is(err, os.ErrPermission) && there != "/":
			there, missing = readableFolder(there, append([]string{name}, rest...))
			return there, missing, nil
		case err != nil:
			return "", nil, err
		case info.Mode()&os.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", nil, &os.PathError{Op: "resolve", Path: path, Err: unix.ELOOP}
			}
			to, err := os.Readlink(next)
			if err != nil {
				return "", nil, err
			}
			if strings.HasPrefix(to, "/") {
				there = "/"
			}
			rest = append(strings.Split(strings.Trim(to, "/"), "/"), rest...)
		case !info.IsDir() && len(rest) > 0:
			return there, append([]string{name}, rest...), nil
		default:
			there = next
		}
	}
	return there, nil, nil
}

// readableFolder goes up to a folder that can be copied, such as / for a path in
// /root: what the user can't read there is not missed.
func readableFolder(there string, missing []string) (string, []string) {
	for there != "/" && unix.Access(there, unix.R_OK|unix.X_OK) != nil {
		missing = append([]string{filepath.Base(there)}, missing...)
		there = filepath.Dir(there)
	}
	return there, missing
}
