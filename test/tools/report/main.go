// Command report runs `go test -json` and tells what came of it: a line for each
// package, all that a failed test has written, and the numbers at the end. With
// -stream each test is told when it has ended, and its long parts are. Its exit code is the command's.
//
//	report [-C folder] [-stream] go test -json ./...
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	dir := flag.String("C", "", "folder to run in")
	stream := flag.Bool("stream", false, "tell each test, and its long parts, when they have ended")
	flag.Parse()
	code, err := run(flag.Args(), *dir, newReport(os.Stdout, *stream))
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		code = 1
	}
	os.Exit(code)
}

// run gives the command's exit code. A signal is the command's to obey: this
// program ends when it has ended.
func run(args []string, dir string, r *report) (int, error) {
	if len(args) == 0 {
		return 2, errors.New("no command")
	}
	// Not ignored: the command would inherit that.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	readErr := r.read(out)
	err = cmd.Wait()
	r.summary()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, errors.Join(err, readErr)
}

// read takes the command's output line by line; what is no event is passed on.
func (r *report) read(in io.Reader) error {
	reader := bufio.NewReader(in)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
