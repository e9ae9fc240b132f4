package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/server/servertest"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func TestRunStandsInForAServiceWhosePortIsBelow1024(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "prices")
	cmd := exec.Command(world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/prices", "--port", "18081", "--", filepath.Join(world.Root, "bin", "image", "prices")) //nolint:gosec // our own
	cmd.Env = append(os.Environ(), "LISTEN=127.0.0.1:18081")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
		raw, err := world.Call(ctx, shop, "http://prices/prices/apple", true)
		var answer struct{ ServedBy string }
		if err == nil {
			err = json.Unmarshal(raw, &answer)
		}
		if err != nil {
			return false, err
		}
		return world.AtWorkstation(ctx, shop, answer.ServedBy)
	})
	if interrupt := cmd.Process.Signal(os.Interrupt); interrupt != nil {
		t.Error(interrupt)
	}
	_ = cmd.Wait()
	if err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	if !strings.Contains(output.String(), "the Service is as it was") {
		t.Errorf("no receipt:\n%s", output.String())
	}
	restored()
}

func TestRunGivesTheProgramsExitCode(t *testing.T) {
	cmd := exec.CommandContext(testContext(t), world.Server, "--kubeconfig", kubeconfig, "run", "--service", shop+"/cart", "--", "sh", "-c", `test "$REGION" = eu-north && exit 7`) //nolint:gosec // our own
	var exit *exec.ExitError
	if output, err := cmd.CombinedOutput(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, output)
	}
}

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
	launch := map[string]any{
		"request": "launch", "mode": "debug", "program": filepath.Dir(path),
		"kubetunnel": map[string]any{"namespace": shop, "service": "cart"},
	}
	if err := d.Launch(ctx, launch, path, line); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		answered <- cluster.Wait(ctx, "an answer of the workstation", func() (bool, error) {
			a, err := callCart(ctx)
			if err != nil {
				return false, err
			}
			return here(ctx, a)
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

func TestProgramThatDoesNotBuildReachesTheUserAndLeavesNothing(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module broken\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { undefined() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	launch, err := json.Marshal(map[string]any{"type": "go", "request": "launch", "mode": "debug", "program": dir})
	if err != nil {
		t.Fatal(err)
	}
	e := openEditor(ctx, t)
	started, err := e.Server.StartSession(ctx, &protocol.StartSessionParams{ID: "broken", Target: cartTarget(), Launch: launch})
	if err != nil {
		t.Fatal(err)
	}
	d, err := servertest.DialDAP(ctx, started.DAP)
	if err != nil {
		t.Fatal(err)
	}
	var refused *servertest.RequestError
	if err := d.Launch(ctx, json.RawMessage(launch), ""); !errors.As(err, &refused) {
		t.Errorf("launch: %v", err)
	}
	_ = d.Close()
	if _, err := e.WaitState(ctx, "broken", protocol.StateEnded, protocol.StateFailed); err != nil {
		t.Error(err)
	}
	restored()
	waitNothingLeft(ctx, t, shop)
}
