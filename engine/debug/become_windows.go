package debug

import (
	"errors"
	"os"
	"os/exec"
)

// become runs another program in this one's place.
func become(path string, args, env []string) int {
	cmd := &exec.Cmd{Path: path, Args: args, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		_, _ = os.Stderr.WriteString("kubetunnel: " + path + ": " + err.Error() + "\n")
		return 1
	}
	return 0
}
