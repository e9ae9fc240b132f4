package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// downTimeout bounds what the kernel needs to let go.
const downTimeout = time.Minute

// down removes every trace of a cluster, however it was left.
func down(ctx context.Context, l layout, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	st, err := l.load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		say("%v: cleaning without it", err)
	}
	if err := host.KillAll(ctx, l.Name); err != nil {
		return fmt.Errorf("end the processes of cluster %s: %w", l.Name, err)
	}
	// The host's end of the link goes with the namespace of the other end.
	if err := host.Poll(ctx, 10*time.Millisecond, func() (bool, error) { return !linkExists(l), nil }); err != nil {
		return fmt.Errorf("interface %s: %w", l.link(), err)
	}
	for _, dir := range []string{l.run(), l.data()} {
		if err := host.Unmount(dir); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		_ = syscall.Rmdir(filepath.Dir(dir)) // stays while another cluster is there
	}
	if err := host.RemoveCgroup(ctx, l.Name); err != nil {
		return err
	}
	if st != nil {
		for _, dir := range st.Made {
			_ = syscall.Rmdir(dir) // stays if somebody else has put something there
		}
	}
	return nil
}
