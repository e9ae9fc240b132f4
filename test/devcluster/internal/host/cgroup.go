package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Cgroup is the name of the cluster's cgroup in each hierarchy.
func Cgroup(cluster string) string { return "kubetunnel-devcluster-" + cluster }

// hierarchy is a mounted cgroup hierarchy.
type hierarchy struct {
	root string
	v2   bool
}

func hierarchies() ([]hierarchy, error) {
	content, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	return parseHierarchies(string(content)), nil
}

func parseHierarchies(mounts string) []hierarchy {
	var found []hierarchy
	for _, line := range strings.Split(mounts, "\n") {
		f := strings.Fields(line)
		if len(f) > 2 && (f[2] == "cgroup" || f[2] == "cgroup2") && strings.HasPrefix(f[1], "/sys/fs/cgroup") {
			found = append(found, hierarchy{root: f[1], v2: f[2] == "cgroup2"})
		}
	}
	return found
}

// MakeCgroup makes the cluster's cgroup in each hierarchy, and one in it for a node.
func MakeCgroup(cluster, node string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		outer := filepath.Join(h.root, Cgroup(cluster))
		for _, dir := range []string{outer, filepath.Join(outer, node)} {
			if err := h.makeGroup(dir); err != nil {
				return fmt.Errorf("cgroup %s: %w", dir, err)
			}
		}
	}
	return nil
}

// makeGroup makes one cgroup that processes and further cgroups can be put into.
func (h hierarchy) makeGroup(dir string) error {
	if h.v2 {
		// A controller is there only if the parent passes it on.
		if err := passControllers(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if h.v2 {
		return nil
	}
	// A v1 cpuset takes no process before it has cores and memory nodes.
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f))
		if err != nil || len(bytes.TrimSpace(value)) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func passControllers(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	passed, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, c := range toPass(string(have), string(passed)) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0o644); err != nil {
			return fmt.Errorf("pass controller %s on: %w", c, err)
		}
	}
	return nil
}

// toPass are the controllers that the kubelet asks for and that are there to be had.
func toPass(have, passed string) []string {
	var missing []string
	for _, c := range []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids"} {
		if hasWord(have, c) && !hasWord(passed, c) {
			missing = append(missing, c)
		}
	}
	return missing
}

func hasWord(words, word string) bool {
	for _, w := range strings.Fields(words) {
		if w == word {
			return true
		}
	}
	return false
}

// thaw lets paused containers run: in a v1 freezer a frozen process can't even be killed.
func thaw(cluster string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		err := filepath.WalkDir(filepath.Join(h.root, Cgroup(cluster)), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Base(path) == "freezer.state" {
				err = os.WriteFile(path, []byte("THAWED"), 0o644)
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
				return nil // gone meanwhile
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("thaw paused containers: %w", err)
		}
	}
	return nil
}

// RemoveCgroup removes the cluster's cgroups, innermost first.
func RemoveCgroup(ctx context.Context, cluster string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		dir := filepath.Join(h.root, Cgroup(cluster))
		// A process that was just killed keeps its cgroup busy for a moment.
		if err := Poll(ctx, 20*time.Millisecond, func() (pending, fatal error) { return removeTree(dir), nil }); err != nil {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
	}
	return nil
}

// removeTree removes a cgroup and those in it; only folders can be removed there.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
