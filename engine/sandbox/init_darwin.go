package sandbox

import (
	"os"
	"syscall"
)

// prepareInit has little to do: macOS has no subreaper, so orphans go to launchd
// and are found by their process group alone.
func prepareInit() { _ = os.Chdir("/") }

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func initCommandPath() (string, error) { return os.Executable() }
