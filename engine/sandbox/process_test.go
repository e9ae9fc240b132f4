//go:build unix

package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func run(t *testing.T, b *loopback, cmd Command) int {
	t.Helper()
	p, err := b.Start(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	code, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestProcessStdioAndExitCode(t *testing.T) {
	b := newTestSandbox(t, Config{})
	var out, errs bytes.Buffer
	cmd := helperCommand("exit", &out)
	cmd.Stderr = &errs
	if code := run(t, b, cmd); code != 7 {
		t.Errorf("exit code %d", code)
	}
	if out.String() != "out\n" || errs.String() != "err\n" {
		t.Errorf("stdout %q, stderr %q", &out, &errs)
	}
	out.Reset()
	cmd = helperCommand("cat", &out)
	cmd.Stdin = strings.NewReader(strings.Repeat("x", 1<<20))
	if code := run(t, b, cmd); code != 0 || out.Len() != 1<<20 {
		t.Errorf("cat: exit code %d, %d bytes", code, out.Len())
	}
}

func TestProcessEnvironmentFolderAndExtraFiles(t *testing.T) {
	b := newTestSandbox(t, Config{})
	var out bytes.Buffer
	cmd := helperCommand("env", &out)
	cmd.Env = append(cmd.Env, "GIVEN="+strings.Repeat("long ", 20000))
	cmd.Dir = t.TempDir()
	run(t, b, cmd)
	if want := strings.Repeat("long ", 20000) + " " + cmd.Dir + "\n"; out.String() != want {
		t.Errorf("got %d bytes ending in %q", out.Len(), out.String()[max(0, out.Len()-80):])
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	cmd = helperCommand("descriptor", nil)
	cmd.ExtraFiles = []*os.File{write}
	run(t, b, cmd)
	_ = write.Close()
	if data, err := io.ReadAll(read); string(data) != "through three" {
		t.Errorf("descriptor 3 gave %q, %v", data, err)
	}
}

func TestProcessSignalAndWait(t *testing.T) {
	b := newTestSandbox(t, Config{})
	ready := newReady()
	p, err := b.Start(t.Context(), helperCommand("sleep", ready))
	if err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with an ended context: %v", err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if code, err := p.Wait(t.Context()); code != 128+15 || err != nil {
			t.Errorf("Wait = %d, %v", code, err)
		}
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal to an ended process: %v", err)
	}
}

func TestStartTellsWhatIsWrong(t *testing.T) {
	b := newTestSandbox(t, Config{})
	notExecutable := t.TempDir() + "/file"
	if err := os.WriteFile(notExecutable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := t.TempDir() + "/garbage"
	if err := os.WriteFile(garbage, []byte{0, 1, 2}, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		cmd  Command
		want error
	}{
		{"no program", Command{}, nil},
		{"not in PATH", Command{Args: []string{"no-such-program"}}, exec.ErrNotFound},
		{"no such file", Command{Args: []string{"/no/such/program"}}, os.ErrNotExist},
		{"no such folder", Command{Args: []string{"/bin/true"}, Dir: "/no/such/folder"}, os.ErrNotExist},
		{"not executable", Command{Args: []string{notExecutable}}, os.ErrPermission},
		{"not a program", Command{Args: []string{garbage}}, syscall.ENOEXEC},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := b.Start(t.Context(), test.cmd)
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) {
				t.Errorf("Start: %v, want %v", err, test.want)
			}
		})
	}
}

func TestManyProcessesAtOnce(t *testing.T) {
	b := newTestSandbox(t, Config{})
	results := make(chan error, 50)
	for range cap(results) {
		go func() {
			p, err := b.Start(t.Context(), Command{Args: []string{"/bin/true"}})
			if err == nil {
				_, err = p.Wait(t.Context())
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestEnterJoinsTheTree(t *testing.T) {
	b := newTestSandbox(t, Config{})
	args, err := b.Enter([]string{os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		helper, output string
		code           int
	}{
		{"exit", "out\nerr\n", 7},
		{"env", "given " + t.TempDir(), 0},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), helperVariable+"="+test.helper, "GIVEN=given")
		cmd.Dir, _, _ = strings.Cut(strings.TrimPrefix(test.output, "given "), "\n")
		if test.code != 0 {
			cmd.Dir = ""
		}
		out, _ := cmd.CombinedOutput()
		if strings.TrimSpace(string(out)) != strings.TrimSpace(test.output) || cmd.ProcessState.ExitCode() != test.code {
			t.Errorf("%s: %q, exit code %d", test.helper, out, cmd.ProcessState.ExitCode())
		}
	}
}

func TestEnteredProgramEndsWithItsTerminal(t *testing.T) {
	b := newTestSandbox(t, Config{})
	args, err := b.Enter([]string{os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	ready := newReady()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), helperVariable+"=ignore")
	cmd.Stdout = ready
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready.wait(t)
	if len(b.pids()) != 1 {
		t.Errorf("processes of the session: %v", b.pids())
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the program is gone", func() bool { return len(b.pids()) == 0 })
}
