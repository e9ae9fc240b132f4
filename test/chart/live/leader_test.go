package live

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/test/chart/helm"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// leader is the pod that holds the lease.
func leader(ctx context.Context) (string, error) {
	lease, err := world.Kube.CoordinationV1().Leases(helm.Namespace).Get(ctx, "kubetunnel-operator", metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return "", err
	}
	return *lease.Spec.HolderIdentity, nil
}

// waitLeader waits until one of the operators that are there leads, and it is none of those named.
func waitLeader(ctx context.Context, t *testing.T, not ...string) (name string) {
	t.Helper()
	err := cluster.Wait(ctx, "a leader", func() (bool, error) {
		pods, err := operators(ctx)
		if err != nil {
			return false, err
		}
		name, err = leader(ctx)
		return slices.Contains(pods, name) && !slices.Contains(not, name), fmt.Errorf("%q leads, %w", name, err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// operatorOf is the operator's process in a pod, 0 when there is none. The dev cluster's are this machine's.
func operatorOf(t *testing.T, pod string) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		environ, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(environ, []byte("HOSTNAME="+pod+"\x00")) {
			continue // it has ended, or is another
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		pid, badNumber := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && badNumber == nil && strings.HasPrefix(string(command), "/tunnel-operator\x00") {
			return pid
		}
	}
	return 0
}

func signal(t *testing.T, pod string, s syscall.Signal) (pid int) {
	t.Helper()
	pid = operatorOf(t, pod)
	if pid == 0 {
		t.Fatalf("pod %s has no operator", pod)
	}
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatal(err)
	}
	return pid
}

// A leader that is frozen is replaced, one that is killed leads on when it is back. Either
// way the session goes on and can end, and two never act at once.
func TestASessionOutlivesTheLeader(t *testing.T) {
	if !world.Own() {
		t.Skip("stops and kills processes of the cluster, which is not done to one of somebody else")
	}
	ctx := testContext(t)
	restored, h := remember(ctx, t), connect(t)
	install(ctx, t, h, loadChart(t), values(nil))
	first := waitLeader(ctx, t)
	s := runCart(ctx, t)
	startLoad(ctx, t)

	signal(t, first, syscall.SIGSTOP)
	t.Cleanup(func() {
		if pid := operatorOf(t, first); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
	second := waitLeader(ctx, t, first)
	allByWorkstation(ctx, t, "another has become the leader")
	s.stop(ctx, t)
	waitBack(ctx, t, restored)

	s = runCart(ctx, t) // the second can also begin
	signal(t, first, syscall.SIGCONT)
	killed := signal(t, second, syscall.SIGKILL)
	err := cluster.Wait(ctx, "the killed operator to be back", func() (bool, error) {
		pid := operatorOf(t, second)
		return pid != 0 && pid != killed, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	waitLeader(ctx, t)
	s.stop(ctx, t)
	waitBack(ctx, t, restored)
	noneFailed(ctx, t)
}

func waitBack(ctx context.Context, t *testing.T, restored func() (bool, error)) {
	t.Helper()
	if err := cluster.Wait(ctx, "the Service to be as it was", restored); err != nil {
		t.Fatal(err)
	}
}
