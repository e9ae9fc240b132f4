// Package host is what the cluster needs of the machine: packages, processes in
// namespaces of their own, cgroups, and a way to find every trace again.
package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// needed maps a Debian package to a file that shows that it is there.
var needed = []struct{ pkg, file string }{
	{"containerd", "/usr/bin/containerd"},
	{"runc", "/usr/sbin/runc"},
	{"containernetworking-plugins", "/usr/lib/cni/ptp"},
	{"iptables", "/usr/sbin/iptables"},
	{"nftables", "/usr/sbin/nft"},
	{"conntrack", "/usr/sbin/conntrack"},
	{"iproute2", "/bin/ip"},
	{"util-linux", "/usr/bin/nsenter"},
}

// ErrNotRoot means that namespaces and mounts can't be made.
var ErrNotRoot = errors.New("the dev cluster needs root: namespaces, mounts and cgroups")

// EnsurePackages installs what is missing, on Debian and Ubuntu; elsewhere it
// names what is missing.
func EnsurePackages(ctx context.Context, say func(string, ...any)) error {
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("these programs are missing: %s; install the packages that have them (Debian's names)", strings.Join(missing, ", "))
	}
	say("installing Debian packages: %s", strings.Join(missing, " "))
	restore, err := forbidServices()
	if err != nil {
		return err
	}
	defer restore()
	if err := apt(ctx, "update", "-q"); err != nil {
		return err
	}
	return apt(ctx, append([]string{"install", "-y", "-q", "--no-install-recommends"}, missing...)...)
}

func missingPackages() []string {
	var missing []string
	for _, n := range needed {
		if _, err := os.Stat(n.file); err != nil {
			missing = append(missing, n.pkg)
		}
	}
	return missing
}

// forbidServices keeps packages from starting their services (policy-rc.d, see
// invoke-rc.d(8)): the cluster runs a containerd of its own.
func forbidServices() (restore func(), err error) {
	const path = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(path); err == nil {
		return func() {}, nil
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil { //nolint:gosec // must be executable
		return nil, fmt.Errorf("keep packages from starting services: %w", err)
	}
	return func() { _ = os.Remove(path) }, nil
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, output.String())
	}
	return nil
}

// Run runs a command of the machine and gives its output in the error.
func Run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(output))
	}
	return nil
}

// Tail is the last lines of a file, for messages.
func Tail(path string, lines int) string {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
