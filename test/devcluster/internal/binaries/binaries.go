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
// Two callers at once build once.
func Build(ctx context.Context, src, cache string, say func(string, ...any)) (string, error) {
	key, err := Key(src)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "devcluster", key)
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "devcluster", "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	for _, program := range Programs {
		if exists(filepath.Join(dir, program)) {
			continue
		}
		if err := buildOne(ctx, src, dir, program, say); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func buildOne(ctx context.Context, src, dir, program string, say func(string, ...any)) error {
	what := program
	if program == "hyperkube" {
		what = "Kubernetes " + KubernetesVersion
	}
	began := time.Now()
	say("building %s (kept in the cache afterwards)", what)
	partial := filepath.Join(dir, program+".partial")
	args := append(append([]string{"build", "-trimpath"}, ldflags(program)...), "-o", partial, "./cmd/"+program)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = src
	cmd.Env = os.Environ()
	if program != "hyperkube" {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build %s: %w", what, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			say("building %s: %s so far (the first build takes 4 to 9 minutes)", what, time.Since(began).Round(time.Second))
		case err := <-done:
			if err != nil {
				return fmt.Errorf("build %s: %w\n%s", what, err, output.String())
			}
			say("built %s in %s", what, time.Since(began).Round(time.Second))
			return os.Rename(partial, filepath.Join(dir, program))
		}
	}
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

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
