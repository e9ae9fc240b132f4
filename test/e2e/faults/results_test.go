package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/test/results"
)

// runs is how often each row is played.
func runs() int {
	if n, err := strconv.Atoi(os.Getenv("KUBETUNNEL_SOAK_RUNS")); err == nil && n > 0 {
		return n
	}
	return 1
}

// table collects the rows, and is written after each of them: a run that is ended early has its rows.
type table struct {
	mu   sync.Mutex
	rows []results.Fault
}

var played table

func (x *table) note(t *testing.T, r results.Fault) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rows = append(x.rows, r)
	t.Logf("%+v", r)
	name := of("faults.json", "soak.json")
	written := results.Faults{Machine: fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.GOARCH), Date: time.Now().UTC().Format(time.DateOnly), Rows: x.rows}
	if err := results.Write(filepath.Join(world.Root, "build", name), written); err != nil {
		t.Error(err)
	}
}
