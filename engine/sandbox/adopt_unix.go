//go:build unix

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ownProcess finds a running process of this user.
func ownProcess(pid int) (processID, error) {
	if pid <= 1 || pid == os.Getpid() {
		return processID{}, errors.New("it is no program of the session")
	}
	id, ok := processNow(pid)
	if !ok {
		return processID{}, errors.New("it does not run")
	}
	if err := syscall.Kill(pid, 0); err != nil {
		return processID{}, fmt.Errorf("it is not this user's: %w", err)
	}
	return id, nil
}

// withChildren lists a process that somebody else has started and all below it; none when it has ended.
func withChildren(root processID) []int {
	if !root.same() {
		return nil
	}
	pids := []int{root.pid}
	for _, p := range descendants(root.pid) {
		pids = append(pids, p.pid)
	}
	return pids
}
