package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Marker is the environment variable that everything of a cluster carries.
const Marker = "KUBETUNNEL_DEVCLUSTER"

// Cgroup is the name of the cluster's cgroup in each hierarchy.
func Cgroup(cluster string) string { return "kubetunnel-devcluster-" + cluster }

// KillAll ends every process of the cluster: those that carry its marker, and
// those in its cgroups (the pods' own). It repeats until none is left.
func KillAll(ctx context.Context, cluster string) error {
	return Poll(ctx, 20*time.Millisecond, func() (bool, error) {
		pids, err := processesOf(cluster)
		if err != nil {
			return false, err
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return false, fmt.Errorf("end process %d: %w", pid, err)
			}
		}
		return len(pids) == 0, nil
	})
}

func processesOf(cluster string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if belongs(pid, cluster) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func belongs(pid int, cluster string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	if _, err := startTime(pid); err != nil {
		return false // a zombie is its parent's to reap
	}
	if env, err := os.ReadFile(filepath.Join(dir, "environ")); err == nil {
		for _, v := range bytes.Split(env, []byte{0}) {
			if string(v) == Marker+"="+cluster {
				return true
			}
		}
	}
	groups, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	return err == nil && inCgroup(string(groups), cluster)
}

func inCgroup(groups, cluster string) bool {
	for _, line := range strings.Split(groups, "\n") {
		if parts := strings.SplitN(line, ":", 3); len(parts) == 3 {
			if p := parts[2]; p == "/"+Cgroup(cluster) || strings.HasPrefix(p, "/"+Cgroup(cluster)+"/") {
				return true
			}
		}
	}
	return false
}

// hierarchies are the roots of the mounted cgroup hierarchies, v1 and v2.
func hierarchies() ([]string, error) {
	content, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, line := range strings.Split(string(content), "\n") {
		if f := strings.Fields(line); len(f) > 2 && (f[2] == "cgroup" || f[2] == "cgroup2") && strings.HasPrefix(f[1], "/sys/fs/cgroup") {
			roots = append(roots, f[1])
		}
	}
	return roots, nil
}

// MakeCgroup makes the cluster's cgroup in each hierarchy.
func MakeCgroup(cluster string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		dir := filepath.Join(root, Cgroup(cluster))
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cgroup: %w", err)
		}
		// A v1 cpuset takes no process before it has cores and memory nodes.
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
			if value, err := os.ReadFile(filepath.Join(root, f)); err == nil && len(bytes.TrimSpace(value)) > 0 {
				if err := os.WriteFile(filepath.Join(dir, f), value, 0o644); err != nil {
					return fmt.Errorf("cgroup: %w", err)
				}
			}
		}
	}
	return nil
}

// RemoveCgroup removes the cluster's cgroups, innermost first.
func RemoveCgroup(ctx context.Context, cluster string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		dir := filepath.Join(root, Cgroup(cluster))
		// A process that was just killed keeps its cgroup busy for a moment.
		if err := Poll(ctx, 20*time.Millisecond, func() (bool, error) { return removeTree(dir), nil }); err != nil {
			return fmt.Errorf("cgroup %s can't be removed: %w", dir, err)
		}
	}
	return nil
}

// removeTree removes a cgroup and those in it; only folders can be removed there.
func removeTree(dir string) bool {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	ok := err == nil
	for _, e := range entries {
		if e.IsDir() {
			ok = removeTree(filepath.Join(dir, e.Name())) && ok
		}
	}
	return ok && syscall.Rmdir(dir) == nil
}

// Unmount detaches every mount below a folder, the last one first.
func Unmount(below string) error {
	content, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	lines := strings.Split(string(content), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		f := strings.Fields(lines[i])
		if len(f) > 1 && strings.HasPrefix(f[1], below+"/") {
			if err := syscall.Unmount(f[1], syscall.MNT_DETACH); err != nil {
				return fmt.Errorf("unmount %s: %w", f[1], err)
			}
		}
	}
	return nil
}
