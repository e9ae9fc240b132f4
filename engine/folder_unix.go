//go:build unix

package engine

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// lockFolder locks a folder until it is closed; false without an error when it is
// another one's. The kernel unlocks it when its process dies, however that is.
func lockFolder(folder *os.File) (locked bool, err error) {
	raw, err := folder.SyscallConn()
	if err != nil {
		return false, err
	}
	failed := raw.Control(func(fd uintptr) { err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	err = errors.Join(err, failed)
	return err == nil, err
}

func ownedByUser(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid()
}
