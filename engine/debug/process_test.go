//go:build unix

package debug

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func runCommand(t *testing.T, host *fakeHost, args ...string) *Process {
	t.Helper()
	value := "user"
	p, err := RunProcess(ProcessOptions{
		Sandbox: newBox(t, shortDir(t)), Host: host,
		Command: protocol.Command{Args: args, Env: map[string]*string{"USERS": &value, "GONE": nil}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func waitProcess(t *testing.T, p *Process) (reason string, code *int, err error) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(testTime):
		t.Fatal("the command does not end")
	}
	return p.Result()
}

// waitBeforeEnd waits until new calls were to go to the origin.
func (h *fakeHost) waitBeforeEnd(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(testTime); h.ended() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("BeforeEnd was not called")
		}
	}
}

func waitText(t *testing.T, host *fakeHost, text string) {
	t.Helper()
	for end := time.Now().Add(testTime); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(host.text(), text) {
			return
		}
	}
	t.Fatalf("the command does not say %q, but %q", text, host.text())
}

func TestProcessRunsWithThePodsEnvironment(t *testing.T) {
	host := newFakeHost("POD=pod", "USERS=pod", "GONE=pod", "PATH=/nowhere")
	p := runCommand(t, host, "sh", "-c", `echo "$POD $USERS ${GONE-unset} $HTTP_PROXY é"; echo error >&2; exit 4`)
	reason, code, err := waitProcess(t, p)
	if err != nil || code == nil || *code != 4 || !strings.Contains(reason, "exit code 4") {
		t.Errorf("result %q, %v, %v", reason, code, err)
	}
	for _, want := range []string{"pod user unset http://127.0.0.1:", "é\n", "error\n"} {
		if !strings.Contains(host.text(), want) {
			t.Errorf("output %q lacks %q", host.text(), want)
		}
	}
	if p.Endpoint() != nil {
		t.Error("a command has a DAP endpoint")
	}
}

func TestProcessRestartAndTerminate(t *testing.T) {
	host := newFakeHost()
	p := runCommand(t, host, "sh", "-c", `trap 'echo polite; exit 0' TERM; echo "up $$"; while :; do sleep 0.01; done`)
	waitText(t, host, "up ")
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitText(t, host, "polite\n")
	for end := time.Now().Add(testTime); strings.Count(host.text(), "up ") < 2 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
	}
	if n := strings.Count(host.text(), "up "); n != 2 {
		t.Errorf("started %d times", n)
	}
	p.Terminate(t.Context())
	p.Terminate(t.Context())
	if _, _, err := waitProcess(t, p); err != nil {
		t.Error(err)
	}
	if n := strings.Count(host.text(), "polite"); n != 2 || host.ended() != 2 {
		t.Errorf("asked to end %d times, BeforeEnd %d times", n, host.ended())
	}
	var numbered *protocol.Error
	if err := p.Restart(t.Context()); !errors.As(err, &numbered) {
		t.Errorf("Restart after the end: %v", err)
	}
}

func TestProcessThatCantBeStarted(t *testing.T) {
	host := newFakeHost()
	p := runCommand(t, host, "no-such-program")
	reason, code, err := waitProcess(t, p)
	var told *protocol.Error
	if code != nil || !errors.As(err, &told) || told.Code != protocol.CodeProcessStartFailed {
		t.Errorf("result %q, %v, %v", reason, code, err)
	}
	if p.Fail(err); strings.Count(host.text(), "KT1706") != 1 {
		t.Errorf("output %q", host.text())
	}
}

func TestProcessOfAFailedSessionIsNotStarted(t *testing.T) {
	host := newFakeHost()
	host.err = protocol.Errorf(protocol.CodeForbidden, "no")
	p := runCommand(t, host, "echo", "started")
	if reason, _, _ := waitProcess(t, p); !strings.Contains(reason, "KT1301") || strings.Contains(host.text(), "started") {
		t.Errorf("reason %q, output %q", reason, host.text())
	}
}
