//go:build linux

package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// familySize is what the helper "family" comes to: itself, ignore, the daemon's
// orphan, tracer, traced, stopped, its child, and one with a session of its own.
const familySize = 8

// startFamily starts the family below a sandbox's init.
func startFamily(t *testing.T, box Sandbox, init *supervisor) []processID {
	t.Helper()
	ready := newReady()
	if _, err := box.Start(t.Context(), helperCommand("family", ready)); err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	return waitTree(t, init.cmd.Process.Pid, familySize)
}

// waitTree waits until that many processes live below a process.
func waitTree(t *testing.T, parent, size int) []processID {
	t.Helper()
	var tree []processID
	eventually(t, fmt.Sprintf("%d processes live below %d", size, parent), func() bool {
		tree = living(descendants(parent))
		return len(tree) == size
	})
	return tree
}

func waitGone(t *testing.T, tree []processID) {
	t.Helper()
	eventually(t, "every process is gone", func() bool {
		for _, p := range tree {
			if p.same() {
				return false
			}
		}
		return true
	})
}

func TestCloseEndsTheWholeTree(t *testing.T) {
	b := newTestSandbox(t, Config{})
	tree := startFamily(t, b, b.super)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range tree {
		if p.same() {
			t.Errorf("process %d has survived Close", p.pid)
		}
	}
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := b.Start(t.Context(), helperCommand("exit", nil)); !errors.Is(err, ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
}

func TestKillingTheServerLeavesNoProcess(t *testing.T) { killServer(t, "server "+t.TempDir()) }

// killServer kills a helper that has a family in a sandbox.
func killServer(t *testing.T, helper string) {
	t.Helper()
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), helperVariable+"="+helper)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	// Also when the test fails.
	t.Cleanup(func() { _ = server.Process.Kill() })
	lines := bufio.NewReader(out)
	for range 2 { // the family's word and the server's
		if line, err := lines.ReadString('\n'); line != "ready\n" {
			t.Fatalf("server says %q, %v", line, err)
		}
	}
	tree := waitTree(t, server.Process.Pid, familySize+1) // and the init
	if err := server.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	waitGone(t, tree)
}

func TestKillingTheInitLeavesNoProcess(t *testing.T) {
	b := newTestSandbox(t, Config{})
	tree := startFamily(t, b, b.super)
	killInit(t, b.super)
	waitGone(t, tree)
	if _, err := b.Start(t.Context(), helperCommand("exit", nil)); err == nil {
		t.Error("a process was started without an init")
	}
}

// killInit kills an init while its tree is being recorded, as it may happen at any moment.
func killInit(t *testing.T, s *supervisor) {
	t.Helper()
	s.tree()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case <-s.exited:
			return
		default:
			s.tree()
		}
	}
}

func TestEndTakesWhatTheProcessStarted(t *testing.T) {
	b := newTestSandbox(t, Config{})
	ready := newReady()
	p, err := b.Start(t.Context(), helperCommand("family", ready))
	if err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	tree := waitTree(t, b.super.cmd.Process.Pid, familySize)
	if err := p.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range tree {
		if p.same() {
			t.Errorf("process %d has survived End", p.pid)
		}
	}
	if code, err := p.Wait(t.Context()); code != 128+9 || err != nil {
		t.Errorf("Wait = %d, %v", code, err)
	}
	if err := p.End(t.Context()); err != nil {
		t.Errorf("second End: %v", err)
	}
	other := newReady()
	if _, err := b.Start(t.Context(), helperCommand("sleep", other)); err != nil {
		t.Fatalf("the sandbox does not go on: %v", err)
	}
	other.wait(t)
}

func TestEndSparesOtherProcesses(t *testing.T) {
	b := newTestSandbox(t, Config{})
	one, two := newReady(), newReady()
	p1, err := b.Start(t.Context(), helperCommand("stopped", one))
	if err != nil {
		t.Fatal(err)
	}
	p2, err := b.Start(t.Context(), helperCommand("sleep", two))
	if err != nil {
		t.Fatal(err)
	}
	one.wait(t)
	two.wait(t)
	if err := p1.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	tree := b.super.tree()
	if len(tree) != 1 || tree[0].pid != p2.PID() {
		t.Errorf("left after End: %v, want only %d", tree, p2.PID())
	}
}

// A process that starts others all the time leaves none of them, while another one goes on.
func TestEndTakesWhatIsBeingStarted(t *testing.T) {
	b := newTestSandbox(t, Config{})
	ready := newReady()
	other, err := b.Start(t.Context(), helperCommand("sleep", ready))
	if err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	for range 20 {
		forks := newReady()
		p, err := b.Start(t.Context(), Command{
			Args: []string{"sh", "-c", "i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); [ $i -ne 5 ] || echo ready; done; wait"}, Env: os.Environ(), Stdout: forks,
		})
		if err != nil {
			t.Fatal(err)
		}
		forks.wait(t)
		if err := p.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		if tree := b.super.tree(); len(tree) != 1 || tree[0].pid != other.PID() {
			t.Fatalf("left after End: %v, want only %d", tree, other.PID())
		}
	}
}

func TestCloseLetsProcessesFinish(t *testing.T) {
	b := newTestSandbox(t, Config{})
	note := filepath.Join(t.TempDir(), "note")
	ready := newReady()
	if _, err := b.Start(t.Context(), helperCommand("polite "+note, ready)); err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(note); string(data) != "said goodbye" {
		t.Errorf("the process was not asked to end: %q, %v", data, err)
	}
}

func TestCloseIsBoundedWhenTheInitHangs(t *testing.T) {
	b := newTestSandbox(t, Config{})
	tree := startFamily(t, b, b.super)
	if err := b.super.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_ = b.Close(ctx)
	waitGone(t, tree)
}
