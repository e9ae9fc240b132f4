package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report is build/parity.json.
type report struct {
	Questions   int   `json:"questions"`
	Explained   int   `json:"explained"`
	Unexplained int   `json:"unexplained"`
	Rows        []row `json:"rows"`
}

func (r *report) count() {
	r.Questions, r.Explained, r.Unexplained = 0, 0, 0
	for _, row := range r.Rows {
		if row.State != stateGone {
			r.Questions++
		}
		switch row.State {
		case stateExplained:
			r.Explained++
		case stateUnexplained, stateGone:
			r.Unexplained++
		}
	}
}

// print tells the score of each group, and then each difference.
func (r *report) print(w io.Writer, all bool) {
	r.printScore(w)
	for _, part := range []struct{ state, title string }{
		{stateSame, "the same"}, {stateExplained, "different, and meant (test/parity/README.md)"},
		{stateGone, "in the table of test/parity/README.md, but not different any more: take them out"},
		{stateUnexplained, "DIFFERENT"},
	} {
		if part.state == stateSame && !all {
			continue
		}
		first := true
		for _, row := range r.Rows {
			if row.State != part.state {
				continue
			}
			if first {
				fmt.Fprintf(w, "\n%s\n", part.title)
				first = false
			}
			row.print(w)
		}
	}
}

func (r row) print(w io.Writer) {
	fmt.Fprintf(w, "  %s %s: %s\n", r.Language, r.User, r.Question)
	switch r.State {
	case stateExplained:
		fmt.Fprintf(w, "      %s\n", r.Why)
	case stateSame:
		fmt.Fprintf(w, "      %s\n", indent(r.Pod))
	default:
		fmt.Fprintf(w, "      pod      %s\n      session  %s\n", indent(r.Pod), indent(r.Session))
	}
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n               ") }

func (r *report) printScore(w io.Writer) {
	var order []string
	sums := map[string]map[string]int{}
	for _, row := range r.Rows {
		for _, name := range []string{row.Language + "\t" + row.Group, "all\t"} {
			if sums[name] == nil {
				sums[name] = map[string]int{}
				order = append(order, name)
			}
			sums[name][row.State]++
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "probe\tquestions about\tsame\tmeant\tdifferent\tgone\t")
	for _, name := range order {
		if name == "all\t" {
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t\n", name, sums[name][stateSame], sums[name][stateExplained], sums[name][stateUnexplained], sums[name][stateGone])
	}
	all := sums["all\t"]
	fmt.Fprintf(table, "all\t\t%d\t%d\t%d\t%d\t\n", all[stateSame], all[stateExplained], all[stateUnexplained], all[stateGone])
	_ = table.Flush()
}

// verdict is an error unless every difference is meant and every meant one is there.
func (r *report) verdict() error {
	if r.Unexplained > 0 {
		return fmt.Errorf("%d of %d questions are not answered as test/parity/README.md says", r.Unexplained, r.Questions)
	}
	return nil
}
