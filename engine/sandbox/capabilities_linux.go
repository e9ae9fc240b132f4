package sandbox

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// initCapabilities is what the init works with in its own namespaces. An identity
// map of ids loses them at exec, so they are raised as ambient ones.
var initCapabilities = []uintptr{
	unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE, unix.CAP_SETPCAP,
	unix.CAP_KILL, unix.CAP_SYS_PTRACE, unix.CAP_DAC_OVERRIDE, unix.CAP_SYS_CHROOT,
}

// containerCapabilities is what container runtimes leave within reach. An ordinary
// user's program has none of them, as in a pod, but those of a file's own (ping);
// root's has them, and only over the sandbox and root's own files.
var containerCapabilities = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FSETID, unix.CAP_FOWNER, unix.CAP_MKNOD, unix.CAP_NET_RAW, unix.CAP_SETGID,
	unix.CAP_SETUID, unix.CAP_SETFCAP, unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_KILL, unix.CAP_AUDIT_WRITE,
}

// dropForChildren leaves this thread's children without capabilities: the init
// starts them all from one thread, which keeps its own for itself.
func dropForChildren(bindPorts bool) error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if slices.Contains(containerCapabilities, c) {
			continue
		}
		// EINVAL: a capability that this kernel does not know.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clearing ambient capabilities: %w", err)
	}
	if bindPorts {
		// The sysctl can't be set here: the one capability that stands for it.
		return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_BIND_SERVICE, 0, 0)
	}
	return clearInheritable()
}

func clearInheritable() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	return unix.Capset(&header, &data[0])
}

// identityMaps gives the namespace's ids the numbers they have outside: the user's
// own for a user, all there are for root.
func identityMaps() (uids, gids []syscall.SysProcIDMap, err error) {
	if os.Geteuid() != 0 {
		one := func(id int) []syscall.SysProcIDMap {
			return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
		}
		return one(os.Geteuid()), one(os.Getegid()), nil
	}
	if uids, err = readIDMap("/proc/self/uid_map"); err != nil {
		return nil, nil, err
	}
	gids, err = readIDMap("/proc/self/gid_map")
	return uids, gids, err
}

func readIDMap(name string) ([]syscall.SysProcIDMap, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var maps []syscall.SysProcIDMap
	var first, outside, size int
	for rest := string(data); ; {
		n, err := fmt.Sscan(rest, &first, &outside, &size)
		if n < 3 || err != nil {
			break
		}
		maps = append(maps, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: size})
		_, rest, _ = cutLine(rest)
	}
	if len(maps) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return maps, nil
}
