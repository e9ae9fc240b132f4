package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// copyTo puts this binary at a path that another container of the pod runs it
// from. It is there whole, or not at all.
func copyTo(path string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("copy-to: %w", err)
	}
	in, err := os.Open(self)
	if err != nil {
		return fmt.Errorf("copy-to: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.CreateTemp(filepath.Dir(path), ".partial-*")
	if err != nil {
		return fmt.Errorf("copy-to: %w", err)
	}
	_, err = io.Copy(out, in)
	// The app's user runs it, whatever the umask is here.
	err = errors.Join(err, out.Chmod(0o755), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		_ = os.Remove(out.Name())
		return fmt.Errorf("copy-to: %w", err)
	}
	return nil
}
