// Package binaries builds the cluster's programs from the hyperkube module, and
// keeps them in a cache folder keyed by the content they are made of.
package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"time"
)

// KubernetesVersion is what the hyperkube module pins.
const KubernetesVersion = "v1.35.4"

// Programs are the commands of the hyperkube module, the long one last.
var Programs = []string{"pause", "coredns", "hyperkube"}

// Dir is the default cache folder: KUBETUNNEL_CACHE, else the user's cache folder.
func Dir() (string, error) {
	if dir := os.Getenv("KUBETUNNEL_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w; set KUBETUNNEL_CACHE", err)
	}
	return filepath.Join(dir, "kubetunnel"), nil
}

// FindSource walks up from the working folder to the hyperkube module.
func FindSource() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		for _, candidate := range []string{filepath.Join(dir, "test", "devcluster", "hyperkube"), filepath.Join(dir, "hyperkube")} {
			if _, err := os.Stat(filepath.Join(candidate, "go.mod")); err == nil {
				return candidate, nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("test/devcluster/hyperkube was not found above the working folder; name it with --src")
		}
		dir = parent
	}
}

// Build makes sure that the programs are in the cache and returns their folder.
// Two callers at once build once. env is one more variable for the build's processes.
func Build(ctx context.Context, src, cache, env string, say func(string, ...any)) (string, error) {
	key, err := Key(src)
	if err != nil {
		return "", err
	}
	root := filepath.Join(cache, "devcluster")
	dir := filepath.Join(root, key)
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(root, "lock"), say)
	if err != nil {
		return "", err
	}
	defer unlock()
	// Whoever left these was killed: the lock is ours.
	if err := removeAll(filepath.Join(root, "partial-*")); err != nil {
		return "", err
	}
	b := builder{src: src, dir: dir, env: env, say: say}
	if b.partial, err = os.MkdirTemp(root, "partial-"); err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(b.partial) }()
	for _, program := range Programs {
		if exists(filepath.Join(dir, program)) {
			continue
		}
		if err := b.build(ctx, program); err != nil {
			return "", err
		}
	}
	return dir, nil
}

type builder struct {
	src, dir, partial, env string
	say                    func(string, ...any)
}

func (b builder) build(ctx context.Context, program string) error {
	what, hint := program, ""
	if program == "hyperkube" {
		what, hint = "Kubernetes "+KubernetesVersion, " (the first build takes 4 to 9 minutes on two cores; cached afterwards)"
	}
	b.say("building %s%s", what, hint)
	began := time.Now()
	out := filepath.Join(b.partial, program)
	cmd, output := b.command(ctx, program, out)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build %s: %w; the go command is needed in PATH", what, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.say("building %s, %s%s", what, time.Since(began).Round(time.Second), hint)
		case err := <-done:
			if err != nil {
				return fmt.Errorf("build %s: %w\n%s", what, err, output.String())
			}
			b.say("built %s in %s", what, time.Since(began).Round(time.Second))
			return os.Rename(out, filepath.Join(b.dir, program))
		}
	}
}

func (b builder) command(ctx context.Context, program, out string) (*exec.Cmd, *strings.Builder) {
	args := append(append([]string{"build", "-trimpath"}, ldflags(program)...), "-o", out, "./cmd/"+program)
	cmd := exec.CommandContext(ctx, "go", args...)
	// The compilers are the go command's children: all of them end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Dir = b.src
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if b.env != "" {
		cmd.Env = append(cmd.Env, b.env)
	}
	if program != "hyperkube" {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	output := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = output, output
	return cmd, output
}

func ldflags(program string) []string {
	flags := "-s -w"
	if program == "hyperkube" {
		v := "k8s.io/component-base/version"
		flags += fmt.Sprintf(" -X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=35", v, KubernetesVersion, v, v)
	}
	return []string{"-ldflags=" + flags}
}

// Key hashes everything the programs are made of: the module's files, the Go
// version, the machine's kind and the flags.
func Key(src string) (string, error) {
	var files []string
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && (strings.HasSuffix(path, ".go") || filepath.Base(path) == "go.mod" || filepath.Base(path) == "go.sum") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", src, err)
	}
	sort.Strings(files)
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, ldflags("hyperkube"))
	for _, path := range files {
		if err := hashFile(h, src, path); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

func hashFile(h io.Writer, src, path string) error {
	rel, err := filepath.Rel(src, path)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%s %d\n", rel, len(content))
	_, err = h.Write(content)
	return err
}

func complete(dir string) bool {
	for _, program := range Programs {
		if !exists(filepath.Join(dir, program)) {
			return false
		}
	}
	return true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func removeAll(pattern string) error {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// lock waits for a file lock; a process that ends gives its lock back.
func lock(ctx context.Context, path string, say func(string, ...any)) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !told {
			say("waiting for another build into the same cache")
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-tick.C:
		}
	}
}
