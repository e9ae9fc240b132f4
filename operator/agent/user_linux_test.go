package agent

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// asOrdinaryUser takes root's way into every file from this test. The thread is not
// used again: it ends with the test's goroutine.
func asOrdinaryUser(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(1001); err != nil {
		t.Fatal(err)
	}
}
