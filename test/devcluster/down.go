package main

import (
	"context"
	"errors"
	"fmt"
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
	if os.Geteuid() != 0 {
		return host.ErrNotRoot
	}
	lock, err := host.Lock(ctx, l.Name, say)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	return removeTraces(ctx, l, say)
}

func removeTraces(ctx context.Context, l layout, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	st, err := l.load()
	if err != nil && !errors.Is(err, errNotUp) {
		say("%v: cleaning without it", err)
	}
	if err := host.KillAll(ctx, l.Name, st.known()); err != nil {
		return fmt.Errorf("end the processes of cluster %s: %w", l.Name, err)
	}
	if err := l.removeLinks(ctx); err != nil {
		return err
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
	return host.RemoveCgroup(ctx, l.Name)
}
