package sandbox

import (
	"context"
	"io"
	"os"
	"sync"
	"time"
)

// drainTime is how long output is waited for after a process's end: a child that
// holds its parent's output open would hold it for ever.
const drainTime = 500 * time.Millisecond

// stdio makes files of a command's readers and writers.
//
// Each reader and writer that is not a file has a goroutine that copies; it ends
// with the pipe, at the latest when close is called.
type stdio struct {
	// files are the child's descriptors 0, 1, 2, …
	files []*os.File
	// passed are those of files that are ours to close after the start.
	passed []*os.File
	// ours are the other ends of the pipes.
	ours    []*os.File
	outputs sync.WaitGroup
	once    sync.Once
	drained chan struct{}
}

func newStdio(cmd Command) (*stdio, error) {
	s := &stdio{drained: make(chan struct{})}
	err := s.input(cmd.Stdin)
	var stdout *os.File
	if err == nil {
		stdout, err = s.output(cmd.Stdout)
	}
	if err == nil {
		if sameWriter(cmd.Stdout, cmd.Stderr) {
			s.files = append(s.files, stdout)
		} else {
			_, err = s.output(cmd.Stderr)
		}
	}
	if err != nil {
		s.started()
		s.close()
		return nil, err
	}
	s.files = append(s.files, cmd.ExtraFiles...)
	go func() {
		s.outputs.Wait()
		close(s.drained)
	}()
	return s, nil
}

// sameWriter tells whether both outputs are one, to be written in order.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() {
		// Types that can't be compared are not the same.
		if recover() != nil {
			same = false
		}
	}()
	return a != nil && a == b
}

func (s *stdio) input(r io.Reader) error {
	if r == nil {
		return s.null(os.O_RDONLY)
	}
	if f, ok := r.(*os.File); ok {
		s.files = append(s.files, f)
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	s.files = append(s.files, read)
	s.passed = append(s.passed, read)
	s.ours = append(s.ours, write)
	go func() {
		// A reader that blocks keeps this goroutine until it returns: the caller's to end.
		_, _ = io.Copy(write, r)
		_ = write.Close()
	}()
	return nil
}

func (s *stdio) output(w io.Writer) (*os.File, error) {
	if w == nil {
		err := s.null(os.O_WRONLY)
		if err != nil {
			return nil, err
		}
		return s.files[len(s.files)-1], nil
	}
	if f, ok := w.(*os.File); ok {
		s.files = append(s.files, f)
		return f, nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, write)
	s.passed = append(s.passed, write)
	s.ours = append(s.ours, read)
	s.outputs.Go(func() {
		_, err := io.Copy(w, read)
		if err != nil {
			// The writer takes no more; the process must not block for that.
			_, _ = io.Copy(io.Discard, read)
		}
		_ = read.Close()
	})
	return write, nil
}

func (s *stdio) null(flag int) error {
	f, err := os.OpenFile(os.DevNull, flag, 0)
	if err != nil {
		return err
	}
	s.files = append(s.files, f)
	s.passed = append(s.passed, f)
	return nil
}

// started closes the child's ends here.
func (s *stdio) started() {
	for _, f := range s.passed {
		_ = f.Close()
	}
}

// drain waits for the last output.
func (s *stdio) drain(ctx context.Context) {
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-s.drained:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// close ends the copying.
func (s *stdio) close() {
	s.once.Do(func() {
		for _, f := range s.ours {
			_ = f.Close()
		}
	})
}
