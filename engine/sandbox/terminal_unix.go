//go:build unix

package sandbox

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// terminal is a pseudo-terminal for a program that is joined from a real one, which is
// raw meanwhile: each key goes to the program's own, which makes signals of them.
//
// Its goroutines copy both ways and follow the window's size. The one that reads the
// keyboard ends with the process, which can't take back a read; the others with close.
type terminal struct {
	program, ours *os.File
	before        *term.State
	shown         chan struct{}
	resized       chan os.Signal
}

// openTerminal gives nil when standard input and output are no terminal.
func openTerminal() (*terminal, error) {
	in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	if !term.IsTerminal(in) || !term.IsTerminal(out) {
		return nil, nil
	}
	ours, program, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("a terminal for the program: %w", err)
	}
	t := &terminal{program: program, ours: ours, shown: make(chan struct{}), resized: make(chan os.Signal, 1)}
	_ = pty.InheritSize(os.Stdin, ours) // a size that can't be had is 0, which programs know
	if t.before, err = term.MakeRaw(in); err != nil {
		_ = program.Close()
		_ = ours.Close()
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	signal.Notify(t.resized, syscall.SIGWINCH)
	go func() {
		for range t.resized {
			_ = pty.InheritSize(os.Stdin, ours)
		}
	}()
	go func() { _, _ = io.Copy(ours, os.Stdin) }()
	go func() {
		defer close(t.shown)
		_, _ = io.Copy(os.Stdout, ours) // EIO once nobody has the program's end open
	}()
	return t, nil
}

// take gives the program's standard streams, to be closed once they are passed on.
func (t *terminal) take() [3]*os.File { return [3]*os.File{t.program, t.program, t.program} }

// lastOutput is how long a terminal is read after the program's end: what it has left in
// the background may have it open for ever.
const lastOutput = 250 * time.Millisecond

// close shows what the program has written, and gives the terminal back as it was.
func (t *terminal) close() {
	_ = t.program.Close() // closed already, if it was passed on
	_ = t.ours.SetReadDeadline(time.Now().Add(lastOutput))
	<-t.shown
	signal.Stop(t.resized)
	close(t.resized)
	_ = t.ours.Close()
	_ = term.Restore(int(os.Stdin.Fd()), t.before)
}
