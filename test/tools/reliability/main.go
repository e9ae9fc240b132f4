// Command reliability writes README.md's table of faults from build/soak.json, or from the
// file that is named, between the two marks there. It is run in the project's folder, by `make soak`.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	begin = "<!-- reliability: `make soak` writes what follows -->\n"
	end   = "<!-- reliability: end -->\n"
)

// report is what the table is made of; test/e2e/faults writes it.
type report struct {
	Machine string `json:"machine"`
	Date    string `json:"date"`
	Form    string `json:"form"`
	Rows    []struct {
		Name           string `json:"name"`
		Runs           int    `json:"runs"`
		Requests       int64  `json:"requests"`
		Failed         int64  `json:"failed"`
		Inside         int64  `json:"inside"`
		ControlFailed  int64  `json:"control_failed"`
		Slow           int64  `json:"slow"`
		RecoveryMillis int64  `json:"recovery_ms"`
		LeftBehind     int    `json:"left_behind"`
	} `json:"rows"`
}

func main() {
	from := "build/soak.json"
	if len(os.Args) > 1 {
		from = os.Args[1]
	}
	if err := run(from, "README.md"); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(content, &r); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	page, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	next, err := replace(string(page), r.table())
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return os.WriteFile(to, []byte(next), 0o644) //nolint:gosec // a page of the project
}

var errMarks = errors.New("the marks of the table are not there")

// replace puts a table between the marks.
func replace(page, table string) (string, error) {
	before, rest, ok := strings.Cut(page, begin)
	if !ok {
		return "", errMarks
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", errMarks
	}
	return before + begin + table + end + after, nil
}

func (r report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s, %s, the suite's %s form.\n\n", r.Date, r.Machine, r.Form)
	b.WriteString("| fault | calls | failed | control failed | inside | > 1 s | origin after | left |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, row := range r.Rows {
		recovery := "–"
		if row.RecoveryMillis >= 0 {
			recovery = fmt.Sprintf("%d ms", row.RecoveryMillis)
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %s | %d |\n", row.Name, row.Requests, row.Failed, row.ControlFailed, row.Inside, row.Slow, recovery, row.LeftBehind)
	}
	return b.String()
}
