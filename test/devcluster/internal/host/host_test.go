package host

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

func TestStartTimeIsFoundBehindAnyProgramName(t *testing.T) {
	tail := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	for name, stat := range map[string]string{
		"plain":       "12 (sh)" + tail,
		"parentheses": "12 (a) S) (b)" + tail,
		"blank":       "12 ()" + tail,
	} {
		if ended, got, err := parseStat(stat); err != nil || ended || got != 4711 {
			t.Errorf("%s: got %d, %v", name, got, err)
		}
	}
	for _, stat := range []string{"", "12 sh S", "12 (sh) S 1"} {
		if _, _, err := parseStat(stat); err == nil {
			t.Errorf("%q was taken", stat)
		}
	}
}

func TestAnotherProcessWithTheSameIDIsNotTaken(t *testing.T) {
	started, err := startTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !(Process{PID: os.Getpid(), Started: started}).Alive() {
		t.Error("this process is taken for dead")
	}
	other := Process{PID: os.Getpid(), Started: started + 1}
	if other.Alive() {
		t.Error("a process with another start time is taken for the same")
	}
	// It would end this very test if it did not look first.
	if err := other.Kill(); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheClustersOwnCgroupsCount(t *testing.T) {
	for groups, want := range map[string]bool{
		"4:memory:/kubetunnel-devcluster-a/kubepods/x\n0::/\n": true,
		"0::/kubetunnel-devcluster-a\n":                        true,
		"0::/kubetunnel-devcluster-ab/x\n":                     false,
		"0::/other/kubetunnel-devcluster-a\n":                  false,
		"":                                                     false,
	} {
		if got := inCgroup(groups, "a"); got != want {
			t.Errorf("%q: got %v", groups, got)
		}
	}
}

func TestOfAClusterThatIsNotThereNobodyIsOwned(t *testing.T) {
	owned, err := Owned("no-such-cluster", []Process{{PID: os.Getppid(), Started: 1}})
	if err != nil || len(owned) != 0 {
		t.Errorf("got %v, %v", owned, err)
	}
}

func TestHierarchiesOfBothVersionsAreFound(t *testing.T) {
	got := parseHierarchies(`proc /proc proc rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
cgroup2 /elsewhere cgroup2 rw 0 0
`)
	want := []hierarchy{{"/sys/fs/cgroup/memory", false}, {"/sys/fs/cgroup/unified", true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestControllersThatAreThereAndNotPassedOnAreToPass(t *testing.T) {
	for _, c := range []struct {
		have, passed string
		want         []string
	}{
		{"", "", nil},
		{"cpuset cpu io memory pids rdma\n", "memory pids\n", []string{"cpuset", "cpu", "io"}},
		{"cpu memory", "cpu memory", nil},
	} {
		if got := toPass(c.have, c.passed); !slices.Equal(got, c.want) {
			t.Errorf("%q, %q: got %q", c.have, c.passed, got)
		}
	}
}

func TestPollTellsWhatWasPendingWhenTimeRanOut(t *testing.T) {
	pending := errors.New("not yet")
	ctx, cancel := context.WithCancel(context.Background())
	asked := 0
	err := Poll(ctx, time.Millisecond, func() (error, error) {
		if asked++; asked == 3 {
			cancel()
		}
		return pending, nil
	})
	if !errors.Is(err, pending) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	fatal := errors.New("never")
	if err := Poll(context.Background(), time.Hour, func() (error, error) { return pending, fatal }); !errors.Is(err, fatal) {
		t.Errorf("got %v", err)
	}
}

func TestOneCommandAtATimeHoldsTheLock(t *testing.T) {
	name := "lock-test-" + filepathSafe(t.TempDir())
	quiet := func(string, ...any) {}
	first, err := Lock(context.Background(), name, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Lock(ctx, name, func(string, ...any) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the second lock: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Lock(context.Background(), name, quiet)
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
}

func filepathSafe(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '/' {
			b[i] = '-'
		}
	}
	return string(b)
}
