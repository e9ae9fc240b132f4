//go:build unix

package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// helperVariable makes the test binary one of the helper programs below.
const helperVariable = "KUBETUNNEL_TEST_HELPER"

func TestMain(m *testing.M) {
	MaybeRunInit()
	if helper := os.Getenv(helperVariable); helper != "" {
		runHelper(strings.Fields(helper))
		os.Exit(0)
	}
	// A race detector waits a second at each exit of a helper, unless told.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// runHelper is a program in the sandbox. Each says "ready" when it has done its work.
func runHelper(args []string) {
	switch args[0] {
	case "inside":
		insideHelper(args[1:])
		return
	case "exit":
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
		os.Exit(7)
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
		return
	case "env":
		dir, _ := os.Getwd()
		fmt.Println(os.Getenv("GIVEN"), dir)
		return
	case "descriptor":
		_, _ = io.WriteString(os.NewFile(3, "extra"), "through three")
		return
	case "ignore":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	case "polite":
		terms := make(chan os.Signal, 1)
		signal.Notify(terms, syscall.SIGTERM)
		fmt.Println("ready")
		<-terms
		_ = os.WriteFile(args[1], []byte("said goodbye"), 0o600)
		return
	case "daemon": // a double fork: the daemon's parent is gone at once
		spawn("ignore", &syscall.SysProcAttr{Setsid: true})
		return
	case "stopped":
		spawn("sleep", nil)
		fmt.Println("ready")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "tracer": // as a debugger: its child is stopped at its first instruction
		runtime.LockOSThread()
		spawnQuietly("sleep", &syscall.SysProcAttr{Ptrace: true})
	case "family":
		spawn("ignore", nil)
		spawnQuietly("daemon", nil)
		spawn("tracer", nil)
		spawn("stopped", nil)
		spawn("sleep", &syscall.SysProcAttr{Setsid: true})
	case "listen":
		l, err := net.Listen("tcp", args[1])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		go serveGreeting(l)
	case "childlisten": // as dlv: the listener is a child's
		spawn("listen "+args[1], &syscall.SysProcAttr{Setsid: true})
	case "server": // as tunnel-server
		b, err := NewLoopback(context.Background(), Config{Dir: args[1]}, nil)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if _, err := b.Start(context.Background(), helperCommand("family", os.Stdout)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}

func serveGreeting(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "hello from "+l.Addr().String())
		_ = conn.Close()
	}
}

// spawn starts a helper as a child and waits until it is ready.
func spawn(helper string, attr *syscall.SysProcAttr) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+helper)
	cmd.SysProcAttr = attr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		fmt.Println("spawn", helper, err)
		os.Exit(1)
	}
}

// spawnQuietly starts a helper that can't say when it is ready.
func spawnQuietly(helper string, attr *syscall.SysProcAttr) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+helper)
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		fmt.Println("spawn", helper, err)
		os.Exit(1)
	}
	if attr == nil {
		_ = cmd.Wait()
	}
}

func helperCommand(helper string, stdout io.Writer) Command {
	return Command{Args: []string{os.Args[0]}, Env: append(os.Environ(), helperVariable+"="+helper), Stdout: stdout, Stderr: stdout}
}

// ready waits for a helper's first line.
type readyWriter struct{ lines chan string }

func newReady() *readyWriter { return &readyWriter{lines: make(chan string, 100)} }

func (w *readyWriter) Write(p []byte) (int, error) {
	for _, line := range strings.Split(strings.TrimSpace(string(p)), "\n") {
		select {
		case w.lines <- line:
		default:
		}
	}
	return len(p), nil
}

func (w *readyWriter) wait(t *testing.T) {
	t.Helper()
	select {
	case line := <-w.lines:
		if line != "ready" {
			t.Fatalf("the helper says %q, not ready", line)
		}
	case <-time.After(testTime):
		t.Fatal("the helper is not ready")
	}
}

// testTime is how long a test waits for what must happen.
const testTime = 30 * time.Second

func newTestSandbox(t *testing.T, cfg Config) *loopback {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	b, err := NewLoopback(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testTime)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b.(*loopback)
}

// eventually waits until a condition is met.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(testTime); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if met() {
			return
		}
	}
	t.Fatalf("not met: %s", what)
}
