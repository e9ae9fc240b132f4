//go:build unix

package sandbox

import (
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// initArg is the hidden subcommand by which the binary starts itself as an init.
const initArg = "__init"

// initControlFD is where an init finds its control socket.
const initControlFD = 3

// MaybeRunInit runs this process as the inner init of a sandbox, or as the client
// that joins one, when its arguments say so; it does not return then. main calls
// it before anything else.
func MaybeRunInit() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case initArg:
		os.Exit(runInit())
	case enterArg:
		os.Exit(runEnter(os.Args[2:], false))
	case leaveArg:
		os.Exit(runEnter(os.Args[2:], true))
	}
}

// innerInit is the parent of everything in a sandbox. One goroutine, run, starts
// and reaps, so that no exit is told before its start; a second reads the control
// socket and ends when tunnel-server has gone.
type innerInit struct {
	conn *net.UnixConn
	// writing: a connect answers from a goroutine of its own.
	writing sync.Mutex
	// roots are the processes started on request and not reaped yet.
	roots map[int]bool
	// seen: /proc shows this process's own PID namespace. Not so in an init of namespaces
	// whose setup has failed, which has started nothing either.
	seen bool
}

type initMessage struct {
	request initRequest
	files   []*os.File
}

func runInit() int {
	// Pdeathsig follows the thread that forked: this one lives as long as the process.
	runtime.LockOSThread()
	prepareInit()
	control := os.NewFile(initControlFD, "control")
	conn, err := net.FileConn(control)
	if err != nil {
		return 2
	}
	_ = control.Close()
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return 2
	}
	in := &innerInit{conn: unixConn, roots: map[int]bool{}, seen: os.Getpid() != 1}
	return in.run()
}

func (in *innerInit) run() int {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	endings := make(chan os.Signal, 1)
	// A terminal's Ctrl-C and a closed terminal are tunnel-server's to answer. They are taken
	// and dropped: to ignore them would be inherited by every process here. SIGTERM is meant for us.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	signal.Notify(endings, syscall.SIGTERM)

	requests := make(chan initMessage)
	go func() {
		defer close(requests)
		for {
			var m initMessage
			files, err := readWire(in.conn, &m.request)
			if err != nil {
				return
			}
			m.files = files
			requests <- m
		}
	}()

	for {
		select {
		case <-children:
			in.reap()
		case <-endings:
			return in.endAll(0)
		case m, ok := <-requests:
			if !ok {
				return in.endAll(0)
			}
			if m.request.Op == opShutdown {
				return in.endAll(time.Duration(m.request.GraceMillis) * time.Millisecond)
			}
			in.handle(m)
		}
	}
}

func (in *innerInit) handle(m initMessage) {
	reply := initReply{ID: m.request.ID}
	var err error
	switch m.request.Op {
	case opStart:
		reply.PID, err = in.start(m)
	case opSignal:
		// Not reaped yet, so the number still means that process.
		err = syscall.ESRCH
		if in.roots[m.request.PID] {
			err = syscall.Kill(m.request.PID, syscall.Signal(m.request.Signal))
		}
	case opEnd:
		in.endOne(m.request.PID)
	default:
		in.handleNamespaces(m)
		return
	}
	in.answer(reply, err, nil)
}

// answer sends a reply with files, which are closed here.
func (in *innerInit) answer(reply initReply, err error, files []*os.File) {
	if err != nil {
		reply.Error = err.Error()
		reply.NotFound = errors.Is(err, exec.ErrNotFound)
		var errno syscall.Errno
		switch {
		case errors.As(err, &errno):
			reply.Errno = int(errno)
		case errors.Is(err, os.ErrPermission):
			reply.Errno = int(syscall.EACCES)
		}
	}
	in.send(reply, files)
	closeAll(files)
}

// send writes to tunnel-server; one that does not listen any more is noticed by the reader.
func (in *innerInit) send(reply initReply, files []*os.File) {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	in.writing.Lock()
	defer in.writing.Unlock()
	_ = writeWire(in.conn, reply, fds)
}

func (in *innerInit) start(m initMessage) (int, error) {
	defer closeAll(m.files)
	fds := make([]uintptr, len(m.files))
	for i, f := range m.files {
		fds[i] = f.Fd()
	}
	cmd := Command{Args: fromOctets(m.request.Args), Dir: string(m.request.Dir), Env: fromOctets(m.request.Env)}
	path := string(m.request.Path)
	if path == "" {
		var err error
		if cmd, path, err = completeCommand(cmd); err != nil {
			return 0, err
		}
	}
	// syscall, not os: package os would wait for the child by a way of its own.
	pid, err := syscall.ForkExec(path, cmd.Args, &syscall.ProcAttr{
		Dir:   cmd.Dir,
		Env:   cmd.Env,
		Files: fds,
		Sys:   childAttributes(m.request.Terminal),
	})
	if err != nil {
		return 0, err
	}
	in.roots[pid] = true
	return pid, nil
}

// reap takes all ended children, also those that were adopted.
func (in *innerInit) reap() {
	changed := false
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			break
		}
		if !status.Exited() && !status.Signaled() {
			continue
		}
		changed = true
		if !in.roots[pid] {
			continue
		}
		delete(in.roots, pid)
		code := status.ExitStatus()
		if status.Signaled() {
			code = 128 + int(status.Signal())
		}
		in.send(initReply{PID: pid, Exited: true, Status: code}, nil)
	}
	if changed {
		in.send(initReply{Changed: true}, nil)
	}
}

// endOne ends one started process and what it started. Orphans belong to it when
// no other process was started here.
func (in *innerInit) endOne(pid int) {
	known := map[processID]struct{}{}
	for look := range 1000 {
		victims := in.family(pid, known)
		if len(victims) == 0 {
			break
		}
		stopAll(victims)
		// Nothing is killed before all stand still: the children of one that is gone are not
		// known to be its own.
		if note(known, victims) || look < stopLooks && len(running(victims)) > 0 {
			time.Sleep(time.Millisecond)
			continue
		}
		killAll(victims)
		time.Sleep(2 * time.Millisecond)
		in.reap()
	}
	in.reap()
}

// stopLooks is how often a process is waited for that doesn't stop: it may be in the kernel.
const stopLooks = 25

// family is what lives of a started process and of what it started: known are those that
// were seen before, whose parents may be gone.
func (in *innerInit) family(pid int, known map[processID]struct{}) []processID {
	if len(in.roots) == 0 || (len(in.roots) == 1 && in.roots[pid]) {
		return living(descendants(os.Getpid()))
	}
	found := map[processID]processID{}
	add := func(all ...processID) {
		for _, p := range all {
			found[p.timeless()] = p
		}
	}
	if root, lives := processNow(pid); lives && in.roots[pid] {
		add(root)
		add(descendants(pid)...)
	}
	for p := range known {
		if now, lives := processNow(p.pid); lives && now.timeless() == p {
			add(now)
			add(descendants(p.pid)...)
		}
	}
	return living(slices.Collect(maps.Values(found)))
}

// note adds processes to those that are known, and tells whether one is new.
func note(known map[processID]struct{}, seen []processID) bool {
	before := len(known)
	for _, p := range seen {
		known[p.timeless()] = struct{}{}
	}
	return len(known) > before
}

// timeless is the process whatever its state.
func (p processID) timeless() processID {
	p.state = 0
	return p
}

// endAll ends every descendant, also daemons, stopped ones and those that fork
// while they are being ended. With a grace, SIGTERM goes first to those that can take it.
func (in *innerInit) endAll(grace time.Duration) int {
	self := os.Getpid()
	if !in.seen {
		return 0 // the first process of a PID namespace takes all others with it
	}
	if grace > 0 {
		for _, p := range running(descendants(self)) {
			_ = syscall.Kill(p.pid, syscall.SIGTERM)
		}
		for end := time.Now().Add(grace); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			in.reap()
			if len(running(descendants(self))) == 0 {
				break
			}
		}
	}
	pause := time.Millisecond
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(pause) {
		in.reap()
		left := living(descendants(self))
		if len(left) == 0 {
			in.reap()
			return 0
		}
		killAll(left)
		pause = min(2*pause, 50*time.Millisecond)
	}
	return 1
}

func stopAll(victims []processID) {
	for _, p := range victims {
		_ = syscall.Kill(p.pid, syscall.SIGSTOP)
	}
}

// killAll stops first, so that nobody forks between two looks.
func killAll(victims []processID) {
	stopAll(victims)
	for _, p := range victims {
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
}
