package debug

import (
	"runtime"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// install is what gets a program that is missing, by the package manager that this system
// most likely has.
func install(what, linux, darwin, windows string) protocol.Fix {
	fix := protocol.Fix{Title: "Install " + what, Command: linux}
	switch runtime.GOOS {
	case "darwin":
		fix.Command = darwin
	case "windows":
		fix.Command = windows
	}
	return fix
}
