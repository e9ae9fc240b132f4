package e2e

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestGarbageOnStandardInputIsAnsweredByNumberOrEndsCleanly(t *testing.T) {
	for name, row := range map[string]struct{ input, want string }{
		"not JSON":         {"Content-Length: 3\r\n\r\n{]}", "-32700"},
		"a batch":          {"Content-Length: 2\r\n\r\n[]", "-32600"},
		"negative length":  {"Content-Length: -1\r\n\r\n", "-32600"},
		"giant length":     {"Content-Length: 99999999999\r\n\r\n", "-32600"},
		"no length":        {"X: y\r\n\r\n", "-32600"},
		"half a message":   {"Content-Length: 100\r\n\r\n{", ""},
		"too early":        {"Content-Length: 54\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"session/list"      }`, "-32002"},
		"nothing":          {"", ""},
		"endless header":   {strings.Repeat("x", 100_000), "-32600"},
		"not even a frame": {"hello\nworld\n", "-32600"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(testContext(t), world.Server, "--stdio") //nolint:gosec // our own
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// An early end of the server closes the pipe while it is written to.
			_, _ = io.WriteString(in, row.input)
			var output []byte
			for buf := make([]byte, 4096); row.want != "" && !strings.Contains(string(output), row.want); {
				n, err := out.Read(buf)
				output = append(output, buf[:n]...)
				if err != nil {
					break
				}
			}
			_ = in.Close()
			err = cmd.Wait()
			var exit *exec.ExitError
			if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
				t.Errorf("ended with %v", err)
			}
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				t.Errorf("killed by %v", status.Signal())
			}
			if !strings.Contains(string(output), row.want) {
				t.Errorf("got %q, want %s in it", output, row.want)
			}
		})
	}
}
