package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLeftoversOfKilledRunsAreEnded(t *testing.T) {
	own, err := startTime(os.Getpid())
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	for name, row := range map[string]struct {
		mark string
		ends bool
	}{
		"the run's process has another start time": {fmt.Sprintf("%s=%d/1", marker, os.Getpid()), true},
		"the run lives":            {fmt.Sprintf("%s=%d/%s", marker, os.Getpid(), own), false},
		"not of a run":             {"OTHER=1/1", false},
		"a mark that nobody wrote": {marker + "=x", false},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "sleep", "1000")
			cmd.Env = []string{row.mark, "PATH=" + os.Getenv("PATH")}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if err := endLeftovers(func(s string) { t.Log(s) }); err != nil {
				t.Fatal(err)
			}
			if !row.ends {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) {
				t.Fatal(err)
			}
			status, _ := exit.Sys().(syscall.WaitStatus)
			if killed := status.Signal() == syscall.SIGKILL; killed != row.ends {
				t.Errorf("ended by %v", status.Signal())
			}
		})
	}
}

func TestManifestsGetTheTagsThatWereBuilt(t *testing.T) {
	dir := t.TempDir()
	content := "kubetunnel.dev/kubetunnel kubetunnel.dev/kubetunnel:1-abc\nshop.example/cart shop.example/cart:1-def\n"
	for name, text := range map[string]string{"refs": content, "cart.tar": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := readImages(dir)
	if err != nil || len(found.tarballs) != 1 {
		t.Fatalf("got %+v, %v", found, err)
	}
	manifest := found.rewrite("image: shop.example/cart:dev\nimage: bench.example/target:dev\n")
	if want := "image: shop.example/cart:1-def\nimage: bench.example/target:dev\n"; manifest != want {
		t.Errorf("got %q", manifest)
	}
	t.Setenv("KUBETUNNEL_TEST_CLUSTER", "existing")
	t.Setenv("KUBETUNNEL_TEST_REGISTRY", "registry.local:5000/me/")
	if ref := found.ref(operatorImage); ref != "registry.local:5000/me/kubetunnel:1-abc" {
		t.Errorf("got %s", ref)
	}
	if _, err := readImages(t.TempDir()); err == nil {
		t.Error("no images are fine")
	}
}

func TestLinesPassesWholeLinesOn(t *testing.T) {
	var got []string
	w := Lines(func(s string) { got = append(got, s) })
	for _, part := range []string{"a", "b\nc", "\n\n", "rest"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(got, "|") != "ab|c|" {
		t.Errorf("got %q", got)
	}
}
