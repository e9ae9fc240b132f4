// Package apparmor is the AppArmor profile that lets tunnel-server make user
// namespaces where unprivileged programs may not. Packages install the file beside.
//
// It imports the standard library only.
package apparmor

import (
	_ "embed" // the profile
	"path"
	"regexp"
	"strings"
)

//go:embed kubetunnel
var profile string

// attachment are the programs that the profile is for.
const attachment = "/{usr,usr/local,opt/kubetunnel}/bin/tunnel-server"

// packaged are the same, spelled out.
var packaged = []string{"/usr/bin/tunnel-server", "/usr/local/bin/tunnel-server", "/opt/kubetunnel/bin/tunnel-server"}

// special are the characters with a meaning in a profile's paths.
var special = regexp.MustCompile(`[\\*?\[\]{}^"]`)

// Profile gives the profile for a program: the packaged one, unless the program is
// elsewhere.
func Profile(program string) string {
	program = path.Clean(program)
	for _, known := range packaged {
		if program == known {
			return profile
		}
	}
	return strings.Replace(profile, attachment, `"`+special.ReplaceAllString(program, `\$0`)+`"`, 1)
}
