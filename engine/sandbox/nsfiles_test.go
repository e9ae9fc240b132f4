//go:build linux

package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func sh(script string, args ...string) Command {
	return Command{Args: append([]string{"/bin/sh", "-c", script, "sh"}, args...), Dir: "/"}
}

func TestFilesOfAPod(t *testing.T) {
	sources, local := t.TempDir(), t.TempDir()
	odd := "/kubetunnel-odd-\xff\xfe/a b\n'\"$x/\x80"
	config := filepath.Dir(writeFile(t, sources+"/config/app.yaml", "key: value"))
	token := filepath.Dir(writeFile(t, sources+"/token/token", "secret"))
	single := writeFile(t, sources+"/single", "one file")
	scratch := sources + "/scratch"
	if err := os.Mkdir(scratch, 0o777); err != nil {
		t.Fatal(err)
	}
	writeFile(t, local+"/existing/mine", "the workstation's")
	writeFile(t, local+"/afile", "the workstation's")
	writeFile(t, local+"/beside", "beside")
	pod := testPod()
	pod.Mounts = []Mount{
		{Path: "/kubetunnel-config", Source: config},
		{Path: "/kubetunnel-second/deeper", Source: config},
		{Path: "/etc/kubetunnel-podinfo", Source: config, ReadOnly: true},
		{Path: "/etc/kubetunnel-deep/er/single", Source: single},
		{Path: "/var/run/secrets/kubernetes.io/serviceaccount", Source: token, ReadOnly: true},
		{Path: "/root/.kubetunnel-config", Source: config},
		{Path: local + "/existing", Source: config},
		{Path: local + "/afile", Source: config},
		{Path: local + "/afile2/below", Source: scratch},
		{Path: odd, Source: config},
		{Path: odd + "-file", Source: single},
	}
	for name, how := range variants {
		t.Run(name, func(t *testing.T) {
			p := *pod
			box := newNamespacesSandbox(t, Config{Pod: &p}, how)
			for _, test := range []struct {
				name, script, want string
				args               []string
			}{
				{"missing below the root", "cat /kubetunnel-config/app.yaml", "key: value", nil},
				{"a second one", "cat /kubetunnel-second/deeper/app.yaml", "key: value", nil},
				{"missing in /etc", "cat /etc/kubetunnel-podinfo/app.yaml", "key: value", nil},
				{"a file, deeper", "cat /etc/kubetunnel-deep/er/single", "one file", nil},
				{"through a symbolic link", "cat /run/secrets/kubernetes.io/serviceaccount/token", "secret", nil},
				{"where the user can't look", "cat /root/.kubetunnel-config/app.yaml", "key: value", nil},
				{"over a folder", "ls $1", "app.yaml", []string{local + "/existing"}},
				{"over a file", "cat $1", "key: value", []string{local + "/afile/app.yaml"}},
				{"beside it", "cat $1", "beside", []string{local + "/beside"}},
				{"odd bytes", "cat \"$1\"/app.yaml \"$1-file\"", "key: valueone file", []string{odd}},
				{"read-only", "touch /etc/kubetunnel-podinfo/new 2>/dev/null || echo refused", "refused", nil},
				{"writable", "echo x > $1/new && cat $1/new", "x", []string{local + "/afile2/below"}},
				{"the rest of /etc", "test -s /etc/passwd && echo there", "there", nil},
				{"devices", "echo x > /dev/null && head -c 1 /dev/zero | wc -c", "1", nil},
				{"processes", "cat /proc/self/comm", "cat", nil},
				{"host name file", "cat /etc/hostname", "cart-7d9f-x2x4z", nil},
				{"no trace of the old root", "ls -A / | grep -c old-root", "0", nil},
			} {
				t.Run(test.name, func(t *testing.T) {
					if got := shell(t, box, sh(test.script, test.args...)); got != test.want {
						t.Errorf("%q, want %q", got, test.want)
					}
				})
			}
			// As the kubelet does it: a link swapped in the folder.
			writeFile(t, config+"/app.yaml", "key: changed")
			if got := shell(t, box, sh("cat /kubetunnel-config/app.yaml")); got != "key: changed" {
				t.Errorf("an update is not seen: %q", got)
			}
			writeFile(t, config+"/app.yaml", "key: value")
			if data, err := os.ReadFile(scratch + "/new"); string(data) != "x\n" {
				t.Errorf("what was written is not in the source: %q, %v", data, err)
			}
			for _, path := range []string{"/kubetunnel-config", "/etc/kubetunnel-podinfo", "/etc/kubetunnel-deep", local + "/afile2"} {
				if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is on the workstation: %v", path, err)
				}
			}
		})
	}
	if data, _ := os.ReadFile(local + "/existing/mine"); string(data) != "the workstation's" {
		t.Errorf("a local file was changed: %q", data)
	}
}

func shell(t *testing.T, box Sandbox, cmd Command) string {
	t.Helper()
	return strings.TrimSpace(runCommand(t, box, cmd))
}

func TestMountsThatCannotBe(t *testing.T) {
	for name, m := range map[string]Mount{
		"relative":       {Path: "config", Source: "/etc"},
		"the root":       {Path: "/", Source: "/etc"},
		"NUL":            {Path: "/a\x00b", Source: "/etc"},
		"no such source": {Path: "/config", Source: "/no/such/folder"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := testPod()
			pod.Mounts = []Mount{m}
			_, err := New(t.Context(), Config{Dir: t.TempDir(), Pod: pod}, nil)
			var unavailable *UnavailableError
			if err == nil || errors.As(err, &unavailable) {
				t.Errorf("New: %v", err)
			}
		})
	}
}
