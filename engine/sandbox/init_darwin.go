package sandbox

import (
	"os"
	"syscall"
)

// prepareInit has little to do: macOS has no subreaper, so orphans go to launchd
// and are found by their process group alone.
func prepareInit() { _ = os.Chdir("/") }

func childAttributes(terminal bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: !terminal, Setsid: terminal, Setctty: terminal}
}

func initCommandPath() (string, error) { return os.Executable() }

// handleNamespaces: there are none here.
func (in *innerInit) handleNamespaces(m initMessage) {
	closeAll(m.files)
	in.answer(initReply{ID: m.request.ID}, syscall.ENOSYS, nil)
}
