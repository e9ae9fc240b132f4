//go:build unix

package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// runEnter is the client of a command line that the session itself has given: it stays
// in the terminal for as long as the program runs, which gets one of its own there, as
// only a session's leader can have it for its jobs.
func runEnter(args []string, outside bool) int {
	if len(args) < 2 {
		return joinFailed(errors.New("usage: " + enterArg + " SOCKET PROGRAM [ARGUMENT]"))
	}
	request := initRequest{Args: toOctets(args[1:]), Outside: outside}
	joined := joinHere
	if outside {
		joined = join // a build has nobody to talk to
	}
	code, err := joined(args[0], request)
	if err != nil {
		return joinFailed(err)
	}
	return code
}

// joinFailed tells the terminal; 127 is what a shell says of a command it can't start.
func joinFailed(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, "kubetunnel:", err)
	return 127
}

// Join runs a program in the sandbox of which dir is the private folder, as a debuggee:
// with the pod's environment over this process's, but for the variables that keep names. It has this process's standard
// streams; where they are a terminal, one of its own that is carried over here, so that
// a shell can control its jobs. Signals are passed on. It gives the program's exit code.
func Join(dir string, args, keep []string) (exitCode int, err error) {
	socket := filepath.Join(dir, enterSocket)
	request := initRequest{Args: toOctets(args), Debuggee: true, Keep: keep}
	return joinHere(socket, request)
}

// joinHere joins from a terminal, if there is one.
func joinHere(socket string, request initRequest) (exitCode int, err error) {
	screen, err := openTerminal()
	if err != nil {
		return 0, err
	}
	if screen == nil {
		return join(socket, request)
	}
	defer screen.close()
	request.Terminal = true
	return joinWith(socket, request, screen.take())
}

// join joins with this process's own streams.
func join(socket string, request initRequest) (exitCode int, err error) {
	return joinWith(socket, request, [3]*os.File{os.Stdin, os.Stdout, os.Stderr})
}

// joinWith starts a program, with these files for its own, and waits for its end.
func joinWith(socket string, request initRequest, files [3]*os.File) (exitCode int, err error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return 0, fmt.Errorf("the session has ended: %w", err)
	}
	defer func() { _ = conn.Close() }()
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	request.Op, request.Dir, request.Env = opStart, octets(dir), toOctets(os.Environ())
	if err := writeWire(conn, request, []int{int(files[0].Fd()), int(files[1].Fd()), int(files[2].Fd())}); err != nil {
		return 0, err
	}
	if request.Terminal {
		// The program's end is seen at the other end when nobody has it open any more.
		_ = files[0].Close()
	}
	defer passSignals(conn)()
	for {
		var reply initReply
		passed, err := readWire(conn, &reply)
		closeAll(passed)
		switch {
		case err != nil:
			return 0, fmt.Errorf("the session has ended: %w", err)
		case reply.Error != "":
			return 0, errors.New(reply.Error)
		case reply.Exited:
			return reply.Status, nil
		}
	}
}

// passSignals passes this process's signals on to the program, until stop.
func passSignals(conn *net.UnixConn) (stop func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sig := range signals {
			if number, ok := sig.(syscall.Signal); ok {
				_ = writeWire(conn, initRequest{Op: opSignal, Signal: int(number)}, nil)
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
