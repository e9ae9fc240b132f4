package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// headlessVariable makes this test's program one whose first thread has ended.
const headlessVariable = "HOST_TEST_HEADLESS"

func TestMain(m *testing.M) {
	if os.Getenv(headlessVariable) != "" {
		runHeadless()
	}
	os.Exit(m.Run())
}

func init() {
	if os.Getenv(headlessVariable) != "" {
		runtime.LockOSThread() // init and main run on the first thread
	}
}

// runHeadless listens, tells where, and ends the first thread alone.
func runHeadless() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		fmt.Println(l.Addr())
		_, _ = os.Stdin.Read(make([]byte, 1)) // to its end
		os.Exit(0)
	}()
	_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
}

// As after a kill: the first thread is a zombie, and the port is still taken.
func TestAProcessHasEndedWithItsLastThread(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), headlessVariable+"=1")
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
	defer func() { _, _ = in.Close(), cmd.Wait() }()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := fmt.Sprintf("/proc/%d", cmd.Process.Pid)
	var started uint64
	err = Poll(ctx, time.Millisecond, func() (pending, fatal error) {
		var ended bool
		if ended, started, err = readStat(dir); err != nil || !ended {
			return errors.New("the first thread has not ended"), nil
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := Process{PID: cmd.Process.Pid, Started: started}
	if !p.Alive() {
		t.Error("it is taken for dead while its other threads run")
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.WaitEnd(ctx); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", strings.TrimSpace(address))
	if err != nil {
		t.Fatalf("its port is not free: %v", err)
	}
	_ = l.Close()
}
