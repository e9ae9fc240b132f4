package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// ownProcess finds a running process of this user.
func ownProcess(pid int) (processID, error) {
	if pid <= 0 || pid == os.Getpid() {
		return processID{}, errors.New("it is no program of the session")
	}
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return processID{}, fmt.Errorf("it does not run, or is not this user's: %w", err)
	}
	_ = windows.CloseHandle(handle)
	return processID{pid: pid}, nil
}

// withChildren is the process itself while it runs: whose a listener is can't be told here anyway.
func withChildren(root processID) []int {
	handle, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(root.pid))
	if err != nil {
		return nil
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	if event, err := windows.WaitForSingleObject(handle, 0); err != nil || event != uint32(windows.WAIT_TIMEOUT) {
		return nil
	}
	return []int{root.pid}
}
