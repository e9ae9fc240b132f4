package e2e

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestKilledInitEndsTheSession(t *testing.T) {
	sessionEnds(t, func(_ context.Context, t *testing.T, e *servertest.Editor, _ *session) {
		// There is a second one, outside, below which the program was built: it has nothing left.
		for _, pid := range cluster.Descendants(e.PID()) {
			if strings.HasPrefix(cluster.CommandOf(pid), "kubetunnel-init") && len(cluster.Descendants(pid)) > 0 {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
		t.Fatal("no init has processes")
	})
}

// fullFolder is a file system without room, or without room for one more file.
func fullFolder(t *testing.T, options string, fill bool) string {
	t.Helper()
	dir := shortFolder(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if fill {
		if err := os.WriteFile(dir+"/full", make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("there is room: %v", err)
		}
	}
	return dir
}

func TestFullDiskFailsTheSessionByNumberAndLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		name, options string
		fill          bool
	}{
		{"no room for a folder", "nr_inodes=1", false},
		{"no room for the pod's files", "size=8k", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := testContext(t)
			restored := remember(ctx, t, shop, "cart")
			temporary := fullFolder(t, test.options, test.fill)
			e := openEditor(ctx, t, "TMPDIR="+temporary)
			_, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{
				ID: "full", Target: protocol.Target{Namespace: shop, Service: "cart"}, Command: &protocol.Command{Args: []string{"/bin/echo", "started"}},
			})
			if err == nil {
				info, waitErr := e.WaitState(ctx, "full", protocol.StateFailed)
				if waitErr != nil {
					t.Fatal(waitErr)
				}
				err = info.Error
			}
			if codeOf(err) != protocol.CodeSandboxFailed || !strings.Contains(err.Error(), "no space left on device") {
				t.Errorf("it failed by %v", err)
			}
			if output := e.Output("full"); strings.Contains(output, "started") {
				t.Errorf("the program was started: %q", output)
			}
			if left := sessionFolders(t, temporary); len(left) > 0 {
				t.Errorf("folders are left: %v", left)
			}
			waitOver(ctx, t, restored, cluster.Descendants(e.PID()))
		})
	}
}
