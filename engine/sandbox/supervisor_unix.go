//go:build unix

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// supervisor is tunnel-server's side of an inner init.
//
// Its goroutines: read takes the init's answers and ends with the control socket;
// await waits for the init's exit, then kills what is left of the recorded tree;
// record notes the tree while the init lives. All have ended when done is closed.
type supervisor struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	// onChange is called when a process of the tree was started or has ended.
	onChange func()

	writing sync.Mutex

	mu       sync.Mutex
	next     uint64
	waiting  map[uint64]chan initReply
	started  map[int]*childProcess
	early    map[int]int // exits told before start() could note the process
	recorded map[processID]struct{}
	closing  bool

	readDone chan struct{}
	exited   chan struct{}
	done     chan struct{}
}

// childProcess is one started process; exit is closed when it has ended.
type childProcess struct {
	pid    int
	exit   chan struct{}
	status int
	err    error
}

// startTime bounds a request to an init that does not answer.
const startTime = 30 * time.Second

// initMarker is set in an init's own environment, not in that of what it starts: a
// program that forgets MaybeRunInit must not start itself for ever.
const initMarker = "KUBETUNNEL_INIT"

// newSupervisor starts an init on the workstation itself. It gets a session of its
// own: a signal to the editor's process group, or to a terminal's, must not take away
// the one that cleans up.
func newSupervisor(onChange func()) (*supervisor, error) {
	return startInit(onChange, &syscall.SysProcAttr{Setsid: true})
}

func startInit(onChange func(), attr *syscall.SysProcAttr) (*supervisor, error) {
	path, err := initCommandPath()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	s := &supervisor{
		conn: ours, onChange: onChange,
		waiting: map[uint64]chan initReply{}, started: map[int]*childProcess{}, early: map[int]int{},
		recorded: map[processID]struct{}{},
		readDone: make(chan struct{}), exited: make(chan struct{}), done: make(chan struct{}),
	}
	if os.Getenv(initMarker) != "" {
		return nil, errors.New("this program started itself as a sandbox's init, but does not call sandbox.MaybeRunInit before anything else")
	}
	s.cmd = &exec.Cmd{
		Path:        path,
		Args:        []string{"kubetunnel-init", initArg},
		Env:         append(os.Environ(), initMarker+"=1"),
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: attr,
	}
	if err := s.cmd.Start(); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("starting the sandbox's init: %w", err)
	}
	go s.read()
	go s.await()
	go s.record()
	return s, nil
}

// socketPair makes the control socket: our end as a connection, the other as a file.
func socketPair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	mine := os.NewFile(uintptr(fds[0]), "control")
	theirs := os.NewFile(uintptr(fds[1]), "control")
	conn, err := net.FileConn(mine)
	_ = mine.Close()
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close()
		_ = theirs.Close()
		return nil, nil, errors.New("the control socket is not a Unix socket")
	}
	return unixConn, theirs, nil
}

// read takes the init's messages until the socket ends.
func (s *supervisor) read() {
	defer close(s.readDone)
	for {
		var reply initReply
		files, err := readWire(s.conn, &reply)
		if err != nil {
			return
		}
		reply.files = files
		switch {
		case reply.Exited:
			s.noteExit(reply.PID, reply.Status)
			s.onChange()
		case reply.Changed:
			s.onChange()
		default:
			s.mu.Lock()
			answer := s.waiting[reply.ID]
			delete(s.waiting, reply.ID)
			s.mu.Unlock()
			if answer == nil {
				closeAll(files)
				continue
			}
			answer <- reply
		}
	}
}

func (s *supervisor) noteExit(pid, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	child := s.started[pid]
	if child == nil {
		s.early[pid] = status
		return
	}
	delete(s.started, pid)
	child.status = status
	close(child.exit)
}

// await waits for the init and cleans up behind it when it did not do so itself.
func (s *supervisor) await() {
	defer close(s.done)
	_ = s.cmd.Wait()
	close(s.exited)
	<-s.readDone
	_ = s.conn.Close()
	s.killRecorded()
	s.mu.Lock()
	defer s.mu.Unlock()
	for pid, child := range s.started {
		delete(s.started, pid)
		child.status = 128 + int(syscall.SIGKILL)
		child.err = errors.New("the sandbox's init has ended, and its processes with it")
		close(child.exit)
	}
	for id, answer := range s.waiting {
		delete(s.waiting, id)
		close(answer)
	}
}

// record notes the tree again and again, so that it is known should the init be killed.
func (s *supervisor) record() {
	pause := 250 * time.Millisecond
	for {
		timer := time.NewTimer(pause)
		select {
		case <-s.exited:
			timer.Stop()
			return
		case <-timer.C:
		}
		began := time.Now()
		s.tree()
		// A machine with thousands of processes is looked at less often: 2 % at most.
		pause = max(250*time.Millisecond, 50*time.Since(began))
	}
}

// tree lists the processes of the sandbox now, the init aside, and records them. What
// was recorded stays so for as long as it lives: an init that is killed while it is
// looked at has no children any more, and one whose parent has just ended may be
// overlooked once.
func (s *supervisor) tree() []processID {
	select {
	case <-s.exited:
		return nil
	default:
	}
	tree := living(descendants(s.cmd.Process.Pid))
	recorded := make(map[processID]struct{}, len(tree))
	for _, p := range tree {
		p.state = 0
		recorded[p] = struct{}{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.recorded {
		if _, again := recorded[p]; !again && p.same() {
			recorded[p] = struct{}{}
		}
	}
	s.recorded = recorded
	return tree
}

// killRecorded ends what the init left behind: the recorded processes and what is below them.
func (s *supervisor) killRecorded() {
	s.mu.Lock()
	left := s.recorded
	s.mu.Unlock()
	for range 1000 {
		var victims []processID
		for p := range left {
			if p.same() {
				victims = append(victims, p)
				victims = append(victims, living(descendants(p.pid))...)
			}
		}
		if len(victims) == 0 {
			return
		}
		killAll(victims)
		time.Sleep(2 * time.Millisecond)
	}
}

// request asks the init and waits for its answer.
func (s *supervisor) request(ctx context.Context, request initRequest, files []int) (initReply, error) {
	answer := make(chan initReply, 1)
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return initReply{}, ErrClosed
	}
	s.next++
	request.ID = s.next
	s.waiting[request.ID] = answer
	s.mu.Unlock()

	s.writing.Lock()
	err := writeWire(s.conn, request, files)
	s.writing.Unlock()
	if err != nil {
		s.mu.Lock()
		delete(s.waiting, request.ID)
		s.mu.Unlock()
		return initReply{}, err
	}
	select {
	case reply, ok := <-answer:
		if !ok {
			return initReply{}, ErrClosed
		}
		return reply, reply.failure()
	case <-s.done:
		return initReply{}, ErrClosed
	case <-ctx.Done():
		// A reply that comes after all is nobody's, and its files are closed.
		s.mu.Lock()
		delete(s.waiting, request.ID)
		s.mu.Unlock()
		return initReply{}, ctx.Err()
	}
}

// initError is what an init says went wrong, with what it can be matched by.
type initError struct {
	text  string
	cause error
}

func (e *initError) Error() string { return e.text }
func (e *initError) Unwrap() error { return e.cause }

func (r initReply) failure() error {
	switch {
	case r.NotFound:
		return &initError{r.Error, exec.ErrNotFound}
	case r.Errno != 0:
		return &initError{r.Error, syscall.Errno(r.Errno)}
	case r.Error != "":
		return errors.New(r.Error)
	}
	return nil
}

// start starts a process with descriptors as its stdio and extra files.
func (s *supervisor) start(path string, cmd Command, files []*os.File) (*childProcess, error) {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	// Not the caller's context: a process whose start nobody waits for would be lost.
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	reply, err := s.request(ctx, initRequest{
		Op: opStart, Path: octets(path), Args: toOctets(cmd.Args), Dir: octets(cmd.Dir), Env: toOctets(cmd.Env), Files: len(files), Terminal: cmd.Terminal,
	}, fds)
	if err != nil {
		return nil, err
	}
	child := &childProcess{pid: reply.PID, exit: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status, ok := s.early[child.pid]; ok {
		delete(s.early, child.pid)
		child.status = status
		close(child.exit)
		return child, nil
	}
	select {
	case <-s.exited:
		child.status = 128 + int(syscall.SIGKILL)
		close(child.exit)
	default:
		s.started[child.pid] = child
	}
	return child, nil
}

func (s *supervisor) signal(child *childProcess, sig os.Signal) error {
	number, ok := sig.(syscall.Signal)
	if !ok {
		return fmt.Errorf("signal %v: %w", sig, errors.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	_, err := s.request(ctx, initRequest{Op: opSignal, PID: child.pid, Signal: int(number)}, nil)
	if errors.Is(err, syscall.ESRCH) || errors.Is(err, ErrClosed) {
		return os.ErrProcessDone
	}
	return err
}

// end ends a process and what it started.
func (s *supervisor) end(ctx context.Context, child *childProcess) error {
	_, err := s.request(ctx, initRequest{Op: opEnd, PID: child.pid}, nil)
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// close ends the tree and the init, with a grace for those that can take a SIGTERM.
func (s *supervisor) close(ctx context.Context, grace time.Duration) error {
	s.tree()
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	s.mu.Unlock()
	if first {
		s.writing.Lock()
		err := writeWire(s.conn, initRequest{Op: opShutdown, GraceMillis: grace.Milliseconds()}, nil)
		s.writing.Unlock()
		if err != nil {
			_ = s.conn.Close() // its end says the same
		}
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	_ = s.cmd.Process.Kill()
	// What the kill leaves is ended by await, which does not wait for anybody.
	select {
	case <-s.done:
		return nil
	case <-time.After(time.Second):
		return fmt.Errorf("ending the sandbox's processes: %w", ctx.Err())
	}
}
