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

// ErrNotRoot means that namespaces and mounts can't be made.
var ErrNotRoot = errors.New("the dev cluster needs root, for namespaces, mounts and cgroups: run it with sudo")

// CNIDirs are where distributions put the CNI plugins.
var CNIDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// needed maps a program to the Debian package that has it.
var needed = []struct{ pkg, program string }{
	{"containerd", "containerd"},
	{"containerd", "containerd-shim-runc-v2"},
	{"containerd", "ctr"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"nftables", "nft"},
	{"conntrack", "conntrack"},
	{"iproute2", "ip"},
	{"iproute2", "tc"},
	{"util-linux", "nsenter"},
	{"mount", "mount"},
}

// Missing are the Debian packages of the programs that the machine lacks.
func Missing() []string {
	var missing []string
	add := func(pkg string) {
		if len(missing) == 0 || missing[len(missing)-1] != pkg {
			missing = append(missing, pkg)
		}
	}
	for _, n := range needed {
		if !inPath(n.program) {
			add(n.pkg)
		}
	}
	if _, err := CNIDir(); err != nil {
		add("containernetworking-plugins")
	}
	return missing
}

// Path is where the cluster's programs look for others.
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func inPath(program string) bool {
	for _, dir := range filepath.SplitList(Path) {
		if info, err := os.Stat(filepath.Join(dir, program)); err == nil && info.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// CNIDir is the folder of the CNI plugins.
func CNIDir() (string, error) {
	for _, dir := range CNIDirs {
		if _, err := os.Stat(filepath.Join(dir, "ptp")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("the CNI plugins are in none of %s", strings.Join(CNIDirs, ", "))
}

// EnsurePackages installs what is missing, on Debian and Ubuntu; elsewhere it
// names what is missing.
func EnsurePackages(ctx context.Context, say func(string, ...any)) error {
	missing := Missing()
	advice := "apt-get install " + strings.Join(missing, " ")
	if os.Geteuid() != 0 {
		if len(missing) > 0 {
			return fmt.Errorf("%w; also missing, and installed when run so on Debian or Ubuntu: %s", ErrNotRoot, advice)
		}
		return ErrNotRoot
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("programs are missing; on Debian they are had by %q: install your distribution's packages of these", advice)
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
	if err := apt(ctx, append([]string{"install", "-y", "-q", "--no-install-recommends"}, missing...)...); err != nil {
		return err
	}
	if missing = Missing(); len(missing) > 0 {
		return fmt.Errorf("the packages are installed, but programs of %s are not in %s", strings.Join(missing, ", "), Path)
	}
	return nil
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
