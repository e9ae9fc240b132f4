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

// Command is a program to start, with nothing of the caller's environment.
type Command struct {
	// Holder is the process whose network and mount namespaces the program joins;
	// 0 gives it new ones.
	Holder int
	Log    string
	Env    []string
	Args   []string
}

// Start starts a program in a session of its own, its output in a log file.
func Start(c Command) (Process, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	args := c.Args
	if c.Holder == 0 {
		attr.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
	} else {
		args = append([]string{"nsenter", "-t", strconv.Itoa(c.Holder), "--mount", "--net", "--"}, args...)
	}
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return Process{}, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.Env = c.Env
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		return Process{}, fmt.Errorf("start %s: %w", c.Args[0], err)
	}
	pid := cmd.Process.Pid
	// Reaps it if it ends while this command still runs; afterwards init does.
	go func() { _ = cmd.Wait() }()
	started, err := startTime(pid)
	if err != nil {
		return Process{}, fmt.Errorf("start %s: it ended at once: %s", c.Args[0], Tail(c.Log, 5))
	}
	return Process{PID: pid, Started: started}, nil
}

// Alive tells whether it still runs.
func (p Process) Alive() bool {
	started, err := startTime(p.PID)
	return err == nil && started == p.Started
}

// Kill ends it at once, if it is still the same process.
func (p Process) Kill() error {
	// The handle holds on to whoever has the id now: what is asked of it and what
	// is signalled after that are the same process.
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return fmt.Errorf("process %d: %w", p.PID, err)
	}
	defer func() { _ = handle.Release() }()
	if !p.Alive() {
		return nil
	}
	if err := handle.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end process %d: %w", p.PID, err)
	}
	return nil
}

// WaitEnd waits until it has ended.
func (p Process) WaitEnd(ctx context.Context) error {
	return Poll(ctx, 10*time.Millisecond, func() (pending, fatal error) {
		if p.Alive() {
			return fmt.Errorf("process %d still runs", p.PID), nil
		}
		return nil, nil
	})
}

func startTime(pid int) (uint64, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	ended, started, err := readStat(dir)
	if err == nil && ended && !threadRuns(dir) {
		return 0, os.ErrProcessDone
	}
	return started, err
}

// threadRuns: the first thread of a killed process may have ended before the others
// have, and what the process has open, a port among it, closes with the last.
func threadRuns(dir string) bool {
	threads, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return false
	}
	for _, thread := range threads {
		if ended, _, err := readStat(filepath.Join(dir, "task", thread.Name())); err == nil && !ended {
			return true
		}
	}
	return false
}

// readStat reads whether a thread has ended, and when it began.
func readStat(dir string) (ended bool, started uint64, err error) {
	content, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return false, 0, err
	}
	return parseStat(string(content))
}

func parseStat(stat string) (ended bool, started uint64, err error) {
	// The second field is the program's name in parentheses, which may hold anything.
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return false, 0, errors.New("malformed stat")
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return false, 0, errors.New("malformed stat")
	}
	started, err = strconv.ParseUint(fields[19], 10, 64)
	return fields[0] == "Z" || fields[0] == "X", started, err
}

// Poll asks until nothing is pending, something fatal comes, or ctx ends; then it
// says what was pending last.
func Poll(ctx context.Context, every time.Duration, ask func() (pending, fatal error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		pending, fatal := ask()
		if fatal != nil {
			return fatal
		}
		if pending == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", pending, ctx.Err())
		case <-tick.C:
		}
	}
}
