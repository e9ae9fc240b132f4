package sandbox

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// prepareInit makes this process the one that orphans of the tree come back to.
func prepareInit() {
	// Without it only double-forked daemons escape, and only from a killed init.
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	// A name of its own: who kills tunnel-server by name must not kill the one that cleans up.
	_ = os.WriteFile("/proc/self/comm", []byte("kubetunnel-init"), 0)
	_ = os.Chdir("/")
}

// childAttributes: a process group of its own, and the end when the init is killed.
func childAttributes(terminal bool) *syscall.SysProcAttr {
	if terminal {
		return &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// initCommandPath is this very program, even when its file was replaced since.
func initCommandPath() (string, error) { return "/proc/self/exe", nil }
