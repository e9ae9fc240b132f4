package host

import (
	"os"
	"testing"
)

func TestStartTimeIsFoundBehindAnyProgramName(t *testing.T) {
	tail := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	for name, stat := range map[string]string{
		"plain":       "12 (sh)" + tail,
		"parentheses": "12 (a) S) (b)" + tail,
		"blank":       "12 ()" + tail,
	} {
		if got, err := parseStart(stat); err != nil || got != 4711 {
			t.Errorf("%s: got %d, %v", name, got, err)
		}
	}
	for _, stat := range []string{"", "12 sh S", "12 (sh) S 1"} {
		if _, err := parseStart(stat); err == nil {
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
	if (Process{PID: os.Getpid(), Started: started + 1}).Alive() {
		t.Error("a process with another start time is taken for the same")
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
