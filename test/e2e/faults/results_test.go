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

	files "github.com/kubetunnel/kubetunnel/test/results"
)

// result is a row of build/soak.json.
type result struct {
	Name string `json:"name"`
	// Form is "quick" or "long".
	Form     string `json:"form"`
	Runs     int    `json:"runs"`
	Requests int64  `json:"requests"`
	Failed   int64  `json:"failed"`
	// Inside are calls inside a process that was killed; they are not in Failed.
	Inside        int64 `json:"inside"`
	ControlFailed int64 `json:"control_failed"`
	Slow          int64 `json:"slow"`
	// RecoveryMillis is the longest time from a fault to an answer of the app's own pods to a new call, -1 when there was none.
	RecoveryMillis int64 `json:"recovery_ms"`
	LeftBehind     int   `json:"left_behind"`
}

func (r *result) add(one result) {
	if r.Runs == 0 {
		r.RecoveryMillis = -1
	}
	r.Name, r.Form = one.Name, of("quick", "long")
	r.Runs++
	r.Requests += one.Requests
	r.Failed += one.Failed
	r.Inside += one.Inside
	r.ControlFailed += one.ControlFailed
	r.Slow += one.Slow
	r.RecoveryMillis = max(r.RecoveryMillis, one.RecoveryMillis)
	r.LeftBehind += one.LeftBehind
}

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
	rows []result
}

var results table

// report is build/soak.json.
type report struct {
	Machine string   `json:"machine"`
	Date    string   `json:"date"`
	Rows    []result `json:"rows"`
}

func (x *table) note(t *testing.T, r result) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rows = append(x.rows, r)
	t.Logf("%+v", r)
	name := of("faults.json", "soak.json")
	written := report{Machine: fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.GOARCH), Date: time.Now().UTC().Format(time.DateOnly), Rows: x.rows}
	if err := files.Write(filepath.Join(world.Root, "build", name), written); err != nil {
		t.Error(err)
	}
}
