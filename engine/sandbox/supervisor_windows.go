package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// MaybeRunInit does nothing here: a job object ends the tree, no init is needed.
func MaybeRunInit() {}

// supervisor is a job object that is killed with its last handle, which is ours:
// whatever way tunnel-server ends, the tree ends.
//
// Each process has a goroutine that waits for it; done is closed when the job is.
type supervisor struct {
	job      windows.Handle
	onChange func()
	waits    sync.WaitGroup

	mu     sync.Mutex
	pidSet map[int]struct{}
	once   sync.Once
}

// childProcess is one started process; exit is closed when it has ended.
type childProcess struct {
	cmd    *exec.Cmd
	pid    int
	exit   chan struct{}
	status int
	err    error
}

func newSupervisor(onChange func()) (*supervisor, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("creating the sandbox's job object: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{
			LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
		},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return nil, fmt.Errorf("limiting the sandbox's job object: %w", err)
	}
	return &supervisor{job: job, onChange: onChange, pidSet: map[int]struct{}{}}, nil
}

// processID names a process.
type processID struct{ pid int }

func (s *supervisor) tree() []processID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tree []processID
	for pid := range s.pidSet {
		tree = append(tree, processID{pid: pid})
	}
	return tree
}

// start starts a process suspended, puts it into the job and lets it run, so that
// nothing it starts is outside.
func (s *supervisor) start(path string, cmd Command, files []*os.File) (*childProcess, error) {
	if len(files) > 3 {
		return nil, fmt.Errorf("extra files: %w", errors.ErrUnsupported)
	}
	c := &exec.Cmd{
		Path: path, Args: cmd.Args, Dir: cmd.Dir, Env: cmd.Env,
		SysProcAttr: &windows.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NEW_PROCESS_GROUP},
	}
	c.Stdin, c.Stdout, c.Stderr = files[0], files[1], files[2]
	if err := c.Start(); err != nil {
		return nil, err
	}
	if err := s.adopt(c.Process.Pid); err != nil {
		_ = c.Process.Kill()
		_ = c.Wait()
		return nil, err
	}
	child := &childProcess{cmd: c, pid: c.Process.Pid, exit: make(chan struct{})}
	s.mu.Lock()
	s.pidSet[child.pid] = struct{}{}
	s.mu.Unlock()
	s.waits.Go(func() {
		var exit *exec.ExitError
		if err := c.Wait(); err != nil && !errors.As(err, &exit) {
			child.err = err
		}
		child.status = c.ProcessState.ExitCode()
		s.mu.Lock()
		delete(s.pidSet, child.pid)
		s.mu.Unlock()
		close(child.exit)
		s.onChange()
	})
	return child, nil
}

func (s *supervisor) adopt(pid int) error {
	handle, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return fmt.Errorf("opening the new process: %w", err)
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	if err := windows.AssignProcessToJobObject(s.job, handle); err != nil {
		return fmt.Errorf("putting the new process into the job: %w", err)
	}
	return resumeThreads(pid)
}

// resumeThreads lets a process that was created suspended run.
func resumeThreads(pid int) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return fmt.Errorf("listing threads: %w", err)
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID != uint32(pid) {
			continue
		}
		thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, entry.ThreadID)
		if err != nil {
			return fmt.Errorf("opening the new process's thread: %w", err)
		}
		_, err = windows.ResumeThread(thread)
		_ = windows.CloseHandle(thread)
		if err != nil {
			return fmt.Errorf("letting the new process run: %w", err)
		}
	}
	return nil
}

func (s *supervisor) signal(child *childProcess, sig os.Signal) error {
	return child.cmd.Process.Signal(sig)
}

// end ends one process; what it started ends with the session's job.
func (s *supervisor) end(_ context.Context, child *childProcess) error {
	if err := child.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (s *supervisor) close(ctx context.Context, _ time.Duration) error {
	s.once.Do(func() {
		_ = windows.TerminateJobObject(s.job, 1)
		_ = windows.CloseHandle(s.job)
	})
	done := make(chan struct{})
	go func() {
		s.waits.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ending the sandbox's processes: %w", ctx.Err())
	}
}

// enterServer can't pass a console on: programs of the editor's terminal stay outside.
type enterServer struct{}

// starters are of no use without it.
type starters struct{ inside, outside struct{} }

func startIn(*supervisor) struct{} { return struct{}{} }

func newEnterServer(Config, starters, func() []string, *slog.Logger) (*enterServer, error) {
	return &enterServer{}, nil
}

func (*enterServer) command([]string) ([]string, error) {
	return nil, fmt.Errorf("joining the session from a terminal on Windows: %w", errors.ErrUnsupported)
}

// outside: there is nothing to leave, everything runs on the workstation.
func (*enterServer) outside(args []string) ([]string, error) { return args, nil }

func (*enterServer) close() {}

// Join: see enterServer.
func Join(string, []string, []string) (exitCode int, err error) {
	return 0, fmt.Errorf("joining a session's sandbox: %w", errors.ErrUnsupported)
}
