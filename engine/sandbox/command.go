package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// completeCommand fills in the caller's environment and finds the program by the
// command's own PATH and working folder, as a shell started with them would.
func completeCommand(cmd Command) (Command, string, error) {
	if len(cmd.Args) == 0 || cmd.Args[0] == "" {
		return cmd, "", errors.New("a command needs a program")
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = lastOfEach(cmd.Env)
	if cmd.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return cmd, "", err
		}
		cmd.Dir = dir
	}
	if info, err := os.Stat(cmd.Dir); err != nil {
		return cmd, "", err
	} else if !info.IsDir() {
		return cmd, "", &os.PathError{Op: "chdir", Path: cmd.Dir, Err: errors.New("not a folder")}
	}
	path, err := LookPath(cmd.Args[0], cmd.Dir, cmd.Env)
	return cmd, path, err
}

// LookPath finds a program by an environment's PATH, relative paths by dir.
func LookPath(program, dir string, env []string) (string, error) {
	if strings.ContainsRune(program, '/') || strings.ContainsRune(program, filepath.Separator) || filepath.IsAbs(program) {
		if !filepath.IsAbs(program) {
			program = filepath.Join(dir, program)
		}
		return exec.LookPath(program)
	}
	for _, folder := range filepath.SplitList(lookupEnv(env, "PATH")) {
		if folder == "" || !filepath.IsAbs(folder) {
			continue // a program of the working folder must be named with ./
		}
		if path, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
			return path, nil
		}
	}
	return "", &exec.Error{Name: program, Err: exec.ErrNotFound}
}

// lookupEnv gives the last value of a name, as exec does.
func lookupEnv(env []string, name string) string {
	value := ""
	for _, entry := range env {
		key, v, ok := strings.Cut(entry, "=")
		if ok && (key == name || (runtime.GOOS == "windows" && strings.EqualFold(key, name))) {
			value = v
		}
	}
	return value
}

// lastOfEach leaves the last value of each name: programs differ in which one they take.
func lastOfEach(env []string) []string {
	seen := make(map[string]bool, len(env))
	kept := make([]string, 0, len(env))
	for _, entry := range slices.Backward(env) {
		// A name of Windows may begin with "=".
		name, _, ok := strings.Cut(strings.TrimPrefix(entry, "="), "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		if !ok || strings.ContainsRune(entry, 0) || seen[name] {
			continue
		}
		seen[name] = true
		kept = append(kept, entry)
	}
	slices.Reverse(kept)
	return kept
}
