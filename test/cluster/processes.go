package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Descendants are the processes below a process.
func Descendants(pid int) []int {
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

// CommandOf is a process's program with its arguments, "" when it has ended.
func CommandOf(pid int) string {
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

// Running tells which of some processes have not ended.
func Running(pids []int) (running []string) {
	for _, pid := range pids {
		if command := CommandOf(pid); command != "" {
			running = append(running, fmt.Sprintf("process %d: %s", pid, command))
		}
	}
	return running
}

// KillBelow kills the first process below another one that runs a command.
func KillBelow(pid int, command string) error {
	for _, below := range Descendants(pid) {
		if strings.Contains(CommandOf(below), command) {
			return syscall.Kill(below, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("no process %q below process %d", command, pid)
}
