package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Marker is the environment variable that every program of a cluster is started with.
func Marker(cluster string) string { return "KUBETUNNEL_DEVCLUSTER_PROGRAM_OF=" + cluster }

// KillAll ends every process of the cluster, and asks again until none is left.
func KillAll(ctx context.Context, cluster string, known []Process) error {
	if err := thaw(cluster); err != nil {
		return err
	}
	killed := map[Process]bool{}
	err := Poll(ctx, 20*time.Millisecond, func() (pending, fatal error) {
		owned, err := Owned(cluster, known)
		if err != nil {
			return nil, err
		}
		for _, p := range owned {
			if err := p.Kill(); err != nil {
				return nil, err
			}
			killed[p] = true
			pending = fmt.Errorf("%d processes still run, %d among them", len(owned), p.PID)
		}
		return pending, nil
	})
	if err == nil {
		waitReaped(ctx, killed)
	}
	return err
}

// reapTimeout is how long init is waited for: it may be slow, and it is not ours.
const reapTimeout = 3 * time.Second

// waitReaped waits until nothing is left of ended processes, not even zombies.
func waitReaped(ctx context.Context, ended map[Process]bool) {
	ctx, cancel := context.WithTimeout(ctx, reapTimeout)
	defer cancel()
	_ = Poll(ctx, 20*time.Millisecond, func() (pending, fatal error) {
		for p := range ended {
			if _, err := startTime(p.PID); errors.Is(err, os.ErrProcessDone) {
				return fmt.Errorf("process %d is a zombie", p.PID), nil
			}
		}
		return nil, nil
	})
}

// Owned are the processes of a cluster: those known to be, those started with its
// marker, those in its cgroups (the pods' own), and whoever shares a network or
// mount namespace with one of these (containerd's shims; a shell that looks
// around in there).
func Owned(cluster string, known []Process) ([]Process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	inside := map[string]bool{}
	owned := map[Process]bool{}
	for _, p := range known {
		owned[p] = p.Alive()
	}
	for _, p := range all {
		if owned[p] || marked(p.PID, cluster) || inCgroupOf(p.PID, cluster) {
			owned[p] = true
			for _, ns := range namespaces(p.PID) {
				inside[ns] = true
			}
		}
	}
	// The machine's own namespaces are nobody's.
	for _, pid := range []int{1, os.Getpid()} {
		for _, ns := range namespaces(pid) {
			delete(inside, ns)
		}
	}
	var result []Process
	for _, p := range all {
		if owned[p] || sharesAny(p.PID, inside) {
			result = append(result, p)
		}
	}
	return result, nil
}

// processes are all that run, but this one.
func processes() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// One that has ended meanwhile, or a zombie, which is its parent's to reap.
		started, err := startTime(pid)
		if err != nil {
			continue
		}
		all = append(all, Process{PID: pid, Started: started})
	}
	return all, nil
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

func marked(pid int, cluster string) bool {
	env, err := os.ReadFile(procFile(pid, "environ"))
	if err != nil {
		return false
	}
	for _, v := range bytes.Split(env, []byte{0}) {
		if string(v) == Marker(cluster) {
			return true
		}
	}
	return false
}

func inCgroupOf(pid int, cluster string) bool {
	groups, err := os.ReadFile(procFile(pid, "cgroup"))
	return err == nil && inCgroup(string(groups), cluster)
}

func inCgroup(groups, cluster string) bool {
	own := "/" + Cgroup(cluster)
	for _, line := range strings.Split(groups, "\n") {
		if parts := strings.SplitN(line, ":", 3); len(parts) == 3 {
			if p := parts[2]; p == own || strings.HasPrefix(p, own+"/") {
				return true
			}
		}
	}
	return false
}

func namespaces(pid int) []string {
	var found []string
	for _, kind := range []string{"net", "mnt"} {
		if ns, err := os.Readlink(procFile(pid, "ns/"+kind)); err == nil {
			found = append(found, ns)
		}
	}
	return found
}

func sharesAny(pid int, inside map[string]bool) bool {
	for _, ns := range namespaces(pid) {
		if inside[ns] {
			return true
		}
	}
	return false
}
