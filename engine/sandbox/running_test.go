//go:build linux

package sandbox

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// checkProcesses starts a program, and looks it up.
func checkProcesses(t *testing.T, box Sandbox, apart bool) {
	t.Helper()
	process, err := box.Start(t.Context(), Command{Args: []string{"sleep", "3600"}})
	if err != nil {
		t.Fatal(err)
	}
	var found Running
	eventually(t, "the program is among the processes", func() bool {
		for _, p := range box.Processes() {
			if p.Name == "sleep" {
				found = p
			}
		}
		return found.Name != ""
	})
	if found.PID != process.PID() {
		t.Errorf("its number inside is %d, want %d", found.PID, process.PID())
	}
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(found.Outside) + "/comm")
	if err != nil || strings.TrimSpace(string(comm)) != "sleep" || (found.Outside != found.PID) != apart {
		t.Errorf("%+v is %q here, %v", found, comm, err)
	}
	if err := process.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has gone", func() bool { return len(box.Processes()) == 0 })
}

func TestProcessesAreKnownByBothOfTheirNumbers(t *testing.T) {
	t.Run("loopback", func(t *testing.T) { checkProcesses(t, newTestSandbox(t, Config{}), false) })
	t.Run("namespaces", func(t *testing.T) {
		checkProcesses(t, newNamespacesSandbox(t, Config{}, variant{pid: true}), true)
	})
}
