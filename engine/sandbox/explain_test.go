//go:build linux

package sandbox

import (
	"strings"
	"testing"
)

func TestARefusalIsToldWithItsLikelyCauseAndWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		policy               policy
		reason, fix, command string
	}{
		"Ubuntu":                    {policy{appArmor: "1", seccomp: "0"}, "AppArmor", "AppArmor profile", "tunnel-server doctor --apparmor-profile | sudo tee"},
		"Ubuntu, as root":           {policy{appArmor: "1", root: true}, "policy", "fewer restrictions", ""},
		"Ubuntu that allows it":     {policy{appArmor: "0", chroot: true}, "chroot", "outside", ""},
		"Debian's switch":           {policy{userClone: "0"}, "for root alone", "As root", "sysctl -w kernel.unprivileged_userns_clone=1"},
		"Debian's switch, as root":  {policy{userClone: "0", root: true, seccomp: "2"}, "seccomp", "--security-opt seccomp=unconfined", ""},
		"a chroot":                  {policy{userClone: "1", chroot: true}, "chroot", "outside", ""},
		"a container":               {policy{seccomp: "2"}, "seccomp", "--security-opt", ""},
		"nothing that can be known": {policy{}, "policy", "fewer restrictions", ""},
	} {
		reason, fix, command := c.policy.why()
		if !strings.Contains(reason, c.reason) || !strings.Contains(fix, c.fix) || !strings.HasPrefix(command, c.command) || c.command == "" && command != "" {
			t.Errorf("%s: %q, %q, %q", name, reason, fix, command)
		}
	}
}
