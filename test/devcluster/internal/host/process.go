package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a process that outlives its starter. Started is its start time in
// clock ticks since boot (proc_pid_stat(5), field 22): a process id that has been
// given to another program is never taken for it.
type Process struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"`
}

// Start starts a program in a session of its own, in the namespaces of the given
// holder (0: in new ones are made by args themselves), its output in a log file.
func Start(holder int, logPath string, env []string, args ...string) (Process, error) {
	if holder != 0 {
		args = append([]string{"nsenter", "-t", strconv.Itoa(holder), "--mount", "--net", "--"}, args...)
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return Process{}, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Process{}, fmt.Errorf("start %s: %w", args[0], err)
	}
	pid := cmd.Process.Pid
	// Reaps it if it ends while this command still runs; afterwards init does.
	go func() { _ = cmd.Wait() }()
	started, err := startTime(pid)
	if err != nil {
		return Process{}, fmt.Errorf("start %s: it ended at once: %s", args[0], Tail(logPath, 5))
	}
	return Process{PID: pid, Started: started}, nil
}

// Alive tells whether it still runs.
func (p Process) Alive() bool {
	started, err := startTime(p.PID)
	return err == nil && started == p.Started
}

// Signal sends a signal, if it is still the same process.
func (p Process) Signal(sig syscall.Signal) error {
	if !p.Alive() {
		return nil
	}
	if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// WaitEnd waits until it has ended.
func (p Process) WaitEnd(ctx context.Context) error {
	return Poll(ctx, 10*time.Millisecond, func() (bool, error) { return !p.Alive(), nil })
}

func startTime(pid int) (uint64, error) {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	return parseStart(string(content))
}

func parseStart(stat string) (uint64, error) {
	// The second field is the program's name in parentheses, which may hold anything.
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("malformed stat")
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return 0, errors.New("malformed stat")
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, os.ErrProcessDone
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// Poll asks until it is true, fails, or ctx ends.
func Poll(ctx context.Context, every time.Duration, ask func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := ask()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
