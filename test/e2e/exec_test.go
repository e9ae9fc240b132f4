package e2e

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"
)

func execute(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, world.Server, append([]string{"exec"}, args...)...) //nolint:gosec // our own
}

func TestExecRunsBesideTheSessionsProcess(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	runCart(ctx, t, e, "beside")

	output, err := execute(ctx, "--session", shop+"/cart", "--", "sh", "-c", insideScript()+"exit 7").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v\n%s", err, output)
	}
	checkInside(t, string(output))
	if output, err := execute(ctx, "--session", "another", "--", "true").CombinedOutput(); err == nil || !strings.Contains(string(output), "KT1801") || !strings.Contains(string(output), "beside  "+shop+"/cart") {
		t.Errorf("a session that is not there: %v\n%s", err, output)
	}
	if output, err := execute(ctx, "--session", "beside", "--", "/no/such/program").CombinedOutput(); err == nil || !strings.Contains(string(output), "KT1706") {
		t.Errorf("a program that is not there: %v\n%s", err, output)
	}
	stopSession(ctx, t, e, "beside")
	if output, err := execute(ctx, "--session", "beside", "--", "true").CombinedOutput(); err == nil || !strings.Contains(string(output), "KT1801") {
		t.Errorf("after the session: %v\n%s", err, output)
	}
	restored()
}

// Ctrl-C is the program's own, not the client's, and nothing is ignored from the start.
func TestExecAtATerminalHasATerminalOfItsOwn(t *testing.T) {
	ctx := testContext(t)
	restored := remember(ctx, t, shop, "cart")
	e := openEditor(ctx, t)
	runCart(ctx, t, e, "terminal")
	screen, err := pty.StartWithSize(execute(ctx, "--session", "terminal", "--", "sh", "-c",
		`trap 'echo interrupted; exit 3' INT; test -t 0 && stty size; echo currency $CURRENCY; read line; echo "read $line"; while :; do sleep 0.1; done`),
		&pty.Winsize{Rows: 33, Cols: 111})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = screen.Close() }()
	var seen strings.Builder
	until := func(want string) {
		t.Helper()
		buffer := make([]byte, 256)
		for !strings.Contains(seen.String(), want) {
			n, err := screen.Read(buffer)
			seen.Write(buffer[:n])
			if err != nil {
				t.Fatalf("%v, before %q: %q", err, want, seen.String())
			}
		}
	}
	until("33 111\r\ncurrency EUR\r\n")
	if _, err := io.WriteString(screen, "hello\n"); err != nil {
		t.Fatal(err)
	}
	until("read hello\r\n")
	if _, err := io.WriteString(screen, "\x03"); err != nil {
		t.Fatal(err)
	}
	until("interrupted\r\n")
	stopSession(ctx, t, e, "terminal")
	restored()
}
