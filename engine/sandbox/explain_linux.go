package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// explain finds out why the system refuses namespaces, and what the user can do.
func explain(step string, err error) error {
	e := &UnavailableError{Mode: ModeNamespaces, Step: step, Err: err}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		e.Reason, e.Fix = "a limit on the number of namespaces is reached", "Raise the limits user.max_*_namespaces."
		if names := limitsAtZero("/proc/sys/user"); len(names) > 0 {
			e.Reason = "no namespaces are allowed: " + strings.Join(names, ", ") + " = 0"
			e.Fix, e.Command = "As root", "sysctl -w "+strings.Join(names, "=10000 ")+"=10000"
		}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		e.Reason, e.Fix, e.Command = readPolicy().why()
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		e.Reason, e.Fix = "the kernel was built without namespaces", ""
	}
	return e
}

// limitsAtZero lists the limits of this user namespace that allow nothing.
func limitsAtZero(folder string) []string {
	var names []string
	for _, kind := range []string{"user", "mnt", "net", "uts", "pid"} {
		name := "max_" + kind + "_namespaces"
		if readLine(filepath.Join(folder, name)) == "0" {
			names = append(names, "user."+name)
		}
	}
	return names
}

// policy is what is known of a system that refuses namespaces to this process.
type policy struct {
	root bool
	// appArmor and userClone are settings of the kernel, "" where it has none.
	appArmor, userClone string
	chroot              bool
	// seccomp is the mode of this process's filter.
	seccomp string
}

func readPolicy() policy {
	return policy{
		root: os.Geteuid() == 0, chroot: inChroot(), seccomp: statusField("Seccomp"),
		appArmor:  readLine("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
		userClone: readLine("/proc/sys/kernel/unprivileged_userns_clone"),
	}
}

// why gives the likely cause of a refusal, and what the user can do.
func (p policy) why() (reason, fix, command string) {
	switch {
	case p.appArmor == "1" && !p.root:
		return "AppArmor keeps unprivileged programs from user namespaces, as Ubuntu does since 23.10",
			"Install KubeTunnel's AppArmor profile, which packages bring along, or allow it to all programs (sysctl -w kernel.apparmor_restrict_unprivileged_userns=0)",
			"tunnel-server doctor --apparmor-profile | sudo tee /etc/apparmor.d/kubetunnel && sudo apparmor_parser -r /etc/apparmor.d/kubetunnel"
	case p.userClone == "0" && !p.root:
		return "user namespaces are for root alone here", "As root", "sysctl -w kernel.unprivileged_userns_clone=1"
	case p.chroot:
		return "this process runs in a chroot, where user namespaces can't be made", "Start it outside, or in a container.", ""
	case p.seccomp == "2":
		return "a seccomp filter refuses it, as container runtimes' default profile does",
			"Start the container with --security-opt seccomp=unconfined --security-opt systempaths=unconfined, or with a profile that allows namespaces.", ""
	}
	// A chroot that is a mount of its own can't be told from a root.
	return "the system's policy refuses it, or this process runs in a chroot", "Start it outside of the chroot or container, or with fewer restrictions.", ""
}

// inChroot: the root of this process is not that of its mount namespace.
func inChroot() bool {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		// id, parent, device, root, mount point: inside a chroot no mount is at "/",
		// unless the chroot is a mount of its own.
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == "/" {
			return false
		}
	}
	return true
}

func statusField(name string) string {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func readLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
