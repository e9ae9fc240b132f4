//go:build unix

package debug

import "syscall"

// terminateSignal asks a program to end.
const terminateSignal = syscall.SIGTERM
