package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/results"
)

func TestTheTableIsPutBetweenTheMarks(t *testing.T) {
	var r report
	text := `{"machine": "2 cores", "date": "2026-01-02", "rows": [{"name": "kill -9", "form": "long", "runs": 1, "requests": 100, "inside": 2, "control_failed": 1, "slow": 3, "recovery_ms": -1, "restored_ms": 40}]}`
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	page, err := replace("before\n"+begin+"old\n"+end+"after\n", r.table())
	if err != nil || strings.Contains(page, "old") || !strings.HasPrefix(page, "before\n") || !strings.HasSuffix(page, end+"after\n") {
		t.Errorf("%v: %s", err, page)
	}
	if want := "| kill -9 | long | 100 | 0 | 1 | 2 | 3 | – | 40 ms | 0 |\n"; !strings.Contains(page, want) || !strings.Contains(page, "2026-01-02, 2 cores") {
		t.Errorf("no %q in %s", want, page)
	}
}

func TestOfARowInSeveralFilesTheLastCounts(t *testing.T) {
	var all report
	all.add(report{Date: "1", Rows: []results.Fault{{Name: "a", Runs: 1, Requests: 1}, {Name: "b", Runs: 1, Requests: 2}, {Name: "not run"}}})
	all.add(report{Date: "2", Rows: []results.Fault{{Name: "a", Runs: 1, Requests: 3}, {Name: "c", Runs: 1, Requests: 4}}})
	if len(all.Rows) != 3 || all.Rows[0].Requests != 3 || all.Rows[2].Requests != 4 || all.Date != "2" {
		t.Errorf("got %+v", all)
	}
}

func TestAPageWithoutMarksIsAnError(t *testing.T) {
	for _, page := range []string{"", begin, end} {
		if _, err := replace(page, "x"); !errors.Is(err, errMarks) {
			t.Errorf("%q: %v", page, err)
		}
	}
}
