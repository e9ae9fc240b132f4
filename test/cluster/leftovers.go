package cluster

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// marker is a variable in the environment of all that a run starts. Its value
// names the run's own process, so that what outlived a killed run is known.
const marker = "KUBETUNNEL_TEST_RUN"

// markChildren marks what this process starts from now on.
func markChildren() {
	if started, err := startTime(os.Getpid()); err == nil {
		_ = os.Setenv(marker, fmt.Sprintf("%d/%s", os.Getpid(), started))
	}
}

// unmarked is the environment for what is meant to outlive this process.
func unmarked() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, marker+"=") })
}

// startTime tells one process from another that got its number later.
func startTime(pid int) (string, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field, the program's name in parentheses, may hold anything.
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: %q", pid, content)
	}
	return fields[19], nil
}

// endLeftovers ends what runs whose process is gone have left behind.
func endLeftovers(say func(string)) error {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return err
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended, or is not ours
		}
		run, ok := markOf(content)
		if !ok || alive(run) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		say(fmt.Sprintf("ending process %d, which a killed run has left", pid))
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	return nil
}

func markOf(environ []byte) (string, bool) {
	for _, variable := range strings.Split(string(environ), "\x00") {
		if run, ok := strings.CutPrefix(variable, marker+"="); ok {
			return run, true
		}
	}
	return "", false
}

// alive tells whether a run's own process still is.
func alive(run string) bool {
	number, started, ok := strings.Cut(run, "/")
	pid, err := strconv.Atoi(number)
	if !ok || err != nil {
		return true // nothing that this program has written
	}
	now, err := startTime(pid)
	return err == nil && now == started
}
