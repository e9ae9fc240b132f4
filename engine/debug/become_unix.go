//go:build unix

package debug

import (
	"os"
	"syscall"
)

// become replaces this process by another program.
func become(path string, args, env []string) int {
	err := syscall.Exec(path, args, env)
	_, _ = os.Stderr.WriteString("kubetunnel: " + path + ": " + err.Error() + "\n")
	return 1
}
