package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// covered are the machine's folders of which a node has empty ones of its own.
// Whatever a program writes there on its own account (containerd's shims to
// /run/containerd, the kubelet to /var/lib/kubelet, CNI to /run/netns) ends with
// the node's mount namespace, so none of it can be left behind on the machine.
var covered = []string{"/run", "/var/lib", "/var/log"}

// Cover covers the machine's folders in this process's mount namespace, which
// must be its own. Only the folders named by keep stay visible.
func Cover(keep []string) error {
	// What the machine unmounts goes away in here too, nothing goes out, and
	// volumes can still ask for mount propagation.
	for _, flag := range []uintptr{syscall.MS_SLAVE, syscall.MS_SHARED} {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|flag, ""); err != nil {
			return fmt.Errorf("separate the mounts: %w", err)
		}
	}
	for _, dir := range covered {
		if err := cover(dir, keep); err != nil {
			return fmt.Errorf("cover %s: %w", dir, err)
		}
	}
	return nil
}

func cover(dir string, keep []string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	kept := map[string]*os.File{}
	for _, path := range keep {
		if !strings.HasPrefix(path, dir+"/") {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		kept[path] = f
	}
	if err := syscall.Mount("kubetunnel-devcluster", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=0755"); err != nil {
		return err
	}
	for path, f := range kept {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), path, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return fmt.Errorf("keep %s: %w", path, err)
		}
	}
	return nil
}

// Unmount detaches every mount of the machine's below a folder, the last one first.
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
