// Command reliability writes README.md's table of faults between the two marks there, from
// build/soak.json, or from the files that are named: of a row that several have, the last
// one's counts. It is run in the project's folder, by `make soak`.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kubetunnel/kubetunnel/test/results"
)

const (
	begin = "<!-- reliability: `make soak` writes what follows -->\n"
	end   = "<!-- reliability: end -->\n"
)

// report is what the table is made of.
type report results.Faults

func main() {
	from := []string{"build/soak.json"}
	if len(os.Args) > 1 {
		from = os.Args[1:]
	}
	if err := run(from, "README.md"); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(from []string, to string) error {
	var all report
	for _, path := range from {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var r report
		if err := json.Unmarshal(content, &r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all.add(r)
	}
	page, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	next, err := replace(string(page), all.table())
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

// add takes another report in. Rows without a run are none.
func (r *report) add(other report) {
	r.Machine, r.Date = other.Machine, other.Date
	for _, one := range other.Rows {
		known := slices.IndexFunc(r.Rows, func(have results.Fault) bool { return have.Name == one.Name })
		switch {
		case one.Runs == 0:
		case known >= 0:
			r.Rows[known] = one
		default:
			r.Rows = append(r.Rows, one)
		}
	}
}

func (r report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s, %s.\n\n", r.Date, r.Machine)
	b.WriteString("| fault | form | calls | failed | control failed | inside | > 1 s | origin after | Service back | left |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, row := range r.Rows {
		recovery, restored := "–", "–"
		if row.RecoveryMillis >= 0 {
			recovery = fmt.Sprintf("%d ms", row.RecoveryMillis)
		}
		if row.RestoredMillis > 0 {
			restored = fmt.Sprintf("%d ms", row.RestoredMillis)
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %d | %d | %s | %s | %d |\n", row.Name, row.Form, row.Requests, row.Failed, row.ControlFailed, row.Inside, row.Slow, recovery, restored, row.LeftBehind)
	}
	return b.String()
}
