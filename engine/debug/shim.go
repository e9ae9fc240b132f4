package debug

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
)

// Delve sets the variables of the launch arguments in its own process and builds
// after that, so the pod's PATH, GOFLAGS or HOME would break the build. Therefore the
// debuggee's PATH begins with a folder in which "go" is a link to our own binary:
// called by that name it goes back to the workstation's environment and becomes the
// real go. The debuggee itself keeps the pod's variables.

// shimFile stands beside the link and tells what to become.
const shimFile = "go.kubetunnel.json"

type shimConfig struct {
	// Real is the command line to become: the go command, outside of the sandbox. Env is
	// the environment it gets.
	Real []string `json:"real"`
	Env  []string `json:"env"`
}

func goName() string {
	if runtime.GOOS == "windows" {
		return "go.exe"
	}
	return "go"
}

// writeShim makes the folder with the link; "" when the workstation has no go command,
// in which case the adapter tells so itself.
func writeShim(dir string, env []string, leave func([]string) ([]string, error)) (string, error) {
	real, err := sandbox.LookPath("go", "", env)
	if errors.Is(err, exec.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	line, err := leave([]string{real})
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(dir, "go-shim")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	data, err := json.Marshal(shimConfig{Real: line, Env: env})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, shimFile), data, 0o600); err != nil {
		return "", err
	}
	return folder, linkSelf(self, filepath.Join(folder, goName()))
}

// linkSelf makes path start our own binary. Links need a privilege on Windows; a
// copy is the last resort.
func linkSelf(self, path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if runtime.GOOS != "windows" {
		return os.Symlink(self, path)
	}
	if os.Link(self, path) == nil {
		return nil
	}
	return copyFile(self, path)
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// MaybeRunGo becomes the real go command when this process was started by the name
// "go" through a link of ours; it does not return then. main calls it before anything else.
func MaybeRunGo() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if name != "go" {
		return
	}
	data, err := os.ReadFile(filepath.Join(shimFolder(os.Args[0]), shimFile))
	if err != nil {
		return // the binary is called go, for whatever reason
	}
	var config shimConfig
	if err := json.Unmarshal(data, &config); err != nil {
		_, _ = io.WriteString(os.Stderr, "kubetunnel: "+shimFile+": "+err.Error()+"\n")
		os.Exit(1)
	}
	if len(config.Real) == 0 {
		_, _ = io.WriteString(os.Stderr, "kubetunnel: "+shimFile+" names no program\n")
		os.Exit(1)
	}
	os.Exit(become(config.Real[0], append(config.Real, os.Args[1:]...), config.Env))
}

// shimFolder finds where the link stands: by the path it was called, or, called by
// its name alone, in PATH.
func shimFolder(called string) string {
	if strings.ContainsRune(called, filepath.Separator) {
		return filepath.Dir(called)
	}
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if _, err := os.Lstat(filepath.Join(folder, goName())); err == nil {
			return folder
		}
	}
	return ""
}
