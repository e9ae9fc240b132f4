package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// descendants are the processes below a process.
func descendants(pid int) []int {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The second field, the program's name in parentheses, may hold anything.
		_, rest, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')')+1:]), " ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	var below func(int) []int
	below = func(parent int) (out []int) {
		for _, child := range children[parent] {
			out = append(append(out, child), below(child)...)
		}
		return out
	}
	return below(pid)
}

// commandOf is a process's program, "" when it has ended.
func commandOf(pid int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	if _, rest, ok := strings.Cut(string(content), ") "); !ok || strings.HasPrefix(rest, "Z") {
		return ""
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(cmdline), "\x00", " ")
}

func waitGone(ctx context.Context, t *testing.T, pids []int) {
	t.Helper()
	err := cluster.Wait(ctx, "the processes to end", func() (bool, error) {
		for _, pid := range pids {
			if command := commandOf(pid); command != "" {
				return false, fmt.Errorf("process %d runs: %s", pid, command)
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// killOne kills the process below the server that runs a command.
func killOne(t *testing.T, server int, command string) {
	t.Helper()
	for _, pid := range descendants(server) {
		if strings.Contains(commandOf(pid), command) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no process %q below the server", command)
}
