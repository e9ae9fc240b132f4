package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// devcluster runs a command of the dev cluster. Its processes outlive this one, and so are not marked as its.
func (c *Cluster) devcluster(ctx context.Context, say func(string), args ...string) (stdout string, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Root, "bin", "devcluster"), append([]string{"--name", c.name}, args...)...)
	cmd.Dir, cmd.Env = c.Root, unmarked()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, Lines(say)
	// A command that is told to end cleans up.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("devcluster %s: %w", args[0], err)
	}
	return out.String(), nil
}

// Fault runs a fault of the dev cluster, such as "restart apiserver".
func (c *Cluster) Fault(ctx context.Context, args ...string) error {
	var last string
	_, err := c.devcluster(ctx, func(line string) { last = line }, args...)
	if err != nil {
		return fmt.Errorf("%w: %s", err, last)
	}
	return nil
}

// Own tells whether the cluster is this project's dev cluster, which can do faults.
func (c *Cluster) Own() bool { return c.own }

// Run runs tunnel-server as the admin.
func (c *Cluster) Run(ctx context.Context, say func(string), args ...string) error {
	cmd := exec.CommandContext(ctx, c.Server, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	out := Lines(say)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("tunnel-server %s: %w", args[0], err)
	}
	return nil
}

// InstallOperator runs `tunnel-server install` with the image that was built.
func (c *Cluster) InstallOperator(ctx context.Context, say func(string)) error {
	ref, policy := c.OperatorImage()
	return c.Run(ctx, say, "install", "--image", ref, "--image-pull-policy", policy)
}

// OperatorImage is the operator's image that was built, and how it is pulled.
func (c *Cluster) OperatorImage() (ref, pullPolicy string) {
	if c.own {
		return c.images.ref(operatorImage), "Never"
	}
	return c.images.ref(operatorImage), "IfNotPresent"
}

// lines passes whole lines on.
type lines struct {
	say func(string)

	mu   sync.Mutex
	rest []byte
}

// Lines makes a writer that passes whole lines on. It may be written to by several goroutines.
func Lines(say func(string)) io.Writer { return &lines{say: say} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		l.say(string(line))
		l.rest = rest
	}
}
