package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// memoryFolder makes the folder on which an init mounts memory: without a private
// folder of the session there is none.
func memoryFolder(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	path := filepath.Join(dir, "memory")
	return path, os.MkdirAll(path, 0o700)
}

// Memory is a folder in memory by this process's descriptor: the mount itself is in
// the sandbox's namespace alone, and goes with it, however this process ends.
func (n *namespaces) Memory() string {
	if n.memory == nil {
		return ""
	}
	return fmt.Sprintf("/proc/self/fd/%d", n.memory.Fd())
}

// seenInside is the pod with the sources of its mounts as the init finds them.
func (n *namespaces) seenInside(pod *Pod) *Pod {
	here := n.Memory()
	if here == "" {
		return pod
	}
	inside := *pod
	inside.Mounts = append([]Mount{}, pod.Mounts...)
	for i, m := range inside.Mounts {
		if below, ok := strings.CutPrefix(m.Source, here+"/"); ok {
			inside.Mounts[i].Source = filepath.Join(n.memoryInside, below)
		}
	}
	return &inside
}
