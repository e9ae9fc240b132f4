package apparmor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestProfileIsForTheProgram(t *testing.T) {
	if strings.Count(profile, attachment) != 1 {
		t.Fatalf("the profile is not for %s:\n%s", attachment, profile)
	}
	for _, program := range append(packaged, "/usr/bin/../bin/tunnel-server") {
		if Profile(program) != profile {
			t.Errorf("%s has another profile than the packaged one", program)
		}
	}
	for program, want := range map[string]string{
		"/home/ann/.vscode/x/tunnel-server": `profile kubetunnel "/home/ann/.vscode/x/tunnel-server" flags=(unconfined) {`,
		`/srv/a b*{c}"/ts`:                  `profile kubetunnel "/srv/a b\*\{c\}\"/ts" flags=(unconfined) {`,
	} {
		if got := Profile(program); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", program, want, got)
		}
	}
}

// parser finds apparmor_parser, and the folder of the system's own profiles.
func parser(t *testing.T) (program, base string) {
	t.Helper()
	for _, root := range []string{os.Getenv("KUBETUNNEL_APPARMOR"), "/", "/usr"} {
		program := filepath.Join(root, "sbin", "apparmor_parser")
		if _, err := os.Stat(program); root != "" && err == nil {
			if root == "/usr" {
				root = "/"
			}
			return program, filepath.Join(root, "etc", "apparmor.d")
		}
	}
	t.Skip("there is no apparmor_parser here: scripts/apparmor.sh gets it where there is apt-get")
	return "", ""
}

func TestParserTakesTheProfile(t *testing.T) {
	program, base := parser(t)
	// Before AppArmor 4 there was no such rule: the parser checks the rest.
	older := func(p string) string { return p }
	if _, err := os.Stat(filepath.Join(base, "abi", "4.0")); err != nil {
		t.Log("this parser is older than AppArmor 4: the profile is checked without its rule about user namespaces")
		older = func(p string) string {
			return strings.NewReplacer("abi/4.0", "abi/3.0", "  userns,\n", "").Replace(p)
		}
	}
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"packaged":      {profile, true},
		"elsewhere":     {Profile("/home/ann/bin/tunnel-server"), true},
		"an odd path":   {Profile(`/srv/a b*[c]{d}^"?\/ts`), true},
		"not a profile": {profile + "}", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "kubetunnel")
			if err := os.WriteFile(file, []byte(older(c.text)), 0o600); err != nil {
				t.Fatal(err)
			}
			// -Q: nothing is loaded; -K: no cache.
			out, err := exec.CommandContext(t.Context(), program, "-Q", "-K", "--base", base, "-I", base, file).CombinedOutput()
			if (err == nil) != c.good {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
