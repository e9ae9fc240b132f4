package main

import (
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

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
