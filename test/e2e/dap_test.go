package e2e

import (
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// stdio is a command's standard input and output as one connection.
type stdio struct {
	io.Reader
	io.WriteCloser
}

func TestAnyDAPEditorCanDebugInTheCluster(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	cmd := exec.Command(world.Server, "--kubeconfig", kubeconfig, "dap", "--adapter", "go", "--stdio") //nolint:gosec // our own
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cluster.Lines(func(s string) { t.Log(s) })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := servertest.NewDebugger(stdio{out, in})
	path, line := cartSource(t)
	port := freePort(ctx, t)
	launch := map[string]any{
		"request": "launch", "mode": "debug", "program": filepath.Dir(path), "env": map[string]string{"LISTEN": listenOn(port)},
		"kubetunnel": map[string]any{"namespace": shop, "service": "cart", "localPort": port},
	}
	if err := d.Launch(ctx, launch, path, line); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		answered <- cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
			a, err := callCart(ctx)
			return err == nil && cluster.AtWorkstation(a.ServedBy), err
		})
	}()
	stopped, err := d.WaitStopped(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetBreakpoints(ctx, path); err != nil {
		t.Fatal(err)
	}
	if err := d.Continue(ctx, stopped.Body.ThreadId); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := d.Disconnect(ctx, false); err != nil {
		t.Error(err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("dap: %v", err)
	}
	restored()
}
