package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// The main goroutine stays on the process's first thread: when another thread
// executes a program, the first one is a zombie for a moment, and hold's process
// would be taken for dead by who watches it.
func init() { runtime.LockOSThread() }

// hold turns this process, which is alone in new namespaces, into the holder of
// a node: nothing of it is left but the smallest program that does not end.
func hold(l layout) error {
	if err := host.Cover([]string{l.run(), l.data()}); err != nil {
		return err
	}
	pause := filepath.Join(l.programs(), "pause")
	if err := syscall.Exec(pause, []string{"pause", l.Name}, []string{host.Marker(l.Name)}); err != nil {
		return fmt.Errorf("become %s: %w", pause, err)
	}
	return nil
}
