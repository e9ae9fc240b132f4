//go:build linux

package sandbox

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

func TestFilesOfAPodInMemoryAreNowhereElse(t *testing.T) {
	for name, how := range variants {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			box, err := newNamespaces(context.Background(), Config{Dir: dir, Cluster: newFakePodCluster(t)}, how, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				for range 2 {
					if err := box.Close(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}()
			memory := box.Memory()
			if memory == "" {
				t.Fatal("there is none")
			}
			path := writeFile(t, filepath.Join(memory, "secret", "token"), "one")
			pod := testPod()
			pod.Mounts = []Mount{{Path: "/etc/kubetunnel-secret", Source: filepath.Join(memory, "secret"), ReadOnly: true}}
			if err := box.Become(context.Background(), pod); err != nil {
				t.Fatal(err)
			}
			const look = "cat /etc/kubetunnel-secret/token; stat -f -c ' %T' /etc/kubetunnel-secret"
			if got := runCommand(t, box, sh(look)); got != "one tmpfs" {
				t.Errorf("inside: %q", got)
			}
			// It is kept up to date from here.
			if err := os.WriteFile(path, []byte("two"), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := runCommand(t, box, sh(look)); got != "two tmpfs" {
				t.Errorf("after a change: %q", got)
			}
			if left, err := os.ReadDir(filepath.Join(dir, "memory")); err != nil || len(left) > 0 {
				t.Errorf("on the workstation: %v, %v", left, err)
			}
		})
	}
}

func TestModesWithoutMemorySaySo(t *testing.T) {
	if got := newTestSandbox(t, Config{}).Memory(); got != "" {
		t.Errorf("memory at %q", got)
	}
}
