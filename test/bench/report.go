package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is build/bench.json.
type report struct {
	Machine string `json:"machine"`
	Rows    []row  `json:"rows"`
}

// row is one figure. Ratio is the figure divided by what it stands beside.
type row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// VS is what it stands beside, with that one's figure; "" when it stands alone.
	VS    string  `json:"vs,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`
}

// added is how much more the figure is than what it stands beside.
func (r row) added() float64 { return r.Value - r.Value/r.Ratio }

// add adds a figure that stands alone.
func (r *report) add(name string, value float64, unit string) {
	r.Rows = append(r.Rows, row{Name: name, Value: round(value), Unit: unit})
}

// beside adds a figure beside another.
func (r *report) beside(name string, value float64, unit, vs string, base float64) {
	added := row{Name: name, Value: round(value), Unit: unit, VS: fmt.Sprintf("%s: %v %s", vs, round(base), unit)}
	if base != 0 {
		added.Ratio = round(value / base)
	}
	r.Rows = append(r.Rows, added)
}

// round keeps three digits that mean something.
func round(v float64) float64 {
	if v >= 1000 || v <= -1000 {
		return float64(int64(v + 0.5))
	}
	var out float64
	_, _ = fmt.Sscan(fmt.Sprintf("%.3g", v), &out)
	return out
}

// print prints the figures, and the goals of those rows whose names begin so.
func (r *report) print(w io.Writer, about string) {
	fmt.Fprintln(w, r.Machine)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%v %s\t%s\t", row.Name, row.Value, row.Unit, row.VS)
		if row.Ratio != 0 {
			fmt.Fprintf(table, "× %v", row.Ratio)
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush()
	for _, g := range goals {
		if !strings.HasPrefix(g.row, about) {
			continue
		}
		fmt.Fprintln(w, g.verdict(r))
	}
}

// goal is what a figure is held against.
type goal struct {
	row  string // beginning of the row's name
	vs   string // beginning of what it stands beside, if that matters
	text string
	met  func(row) bool
}

var goals = []goal{
	{"launch to the first answer by the debuggee, no agent yet", "", "at most 0.3 s more than the platform takes by itself", func(r row) bool { return r.Value <= r.Value/r.Ratio+0.3 }},
	{"stop to the first answer", "", "at most 0.3 s", func(r row) bool { return r.Value <= 0.3 }},
	{"latency p50", wayForward, "no worse than a plain port-forward", func(r row) bool { return r.Ratio <= 1 }},
	{"bulk from the workstation", wayForward, "at least as fast as a plain port-forward", func(r row) bool { return r.Ratio >= 1 }},
	{"bulk to the workstation", wayForward, "at least as fast as a plain port-forward", func(r row) bool { return r.Ratio >= 1 }},
	{"new connections", wayForward, "more than 813 a second", func(r row) bool { return r.Value > 813 }},
	{"of them failed", "", "none", func(r row) bool { return r.Value == 0 }},
	{"requests failed", "", "none", func(r row) bool { return r.Value == 0 }},
	{"sandbox: start until it is the pod", "", "at most 50 ms", func(r row) bool { return r.Value <= 50 }},
	{"sandbox: latency p50", wayAlone, "at most 0.3 ms more than the tunnel alone", func(r row) bool { return r.added() <= 0.3 }},
	{"sandbox: bulk out of it", wayAlone, "at least 80 % of the tunnel alone", func(r row) bool { return r.Ratio >= 0.8 }},
	{"sandbox: bulk into it", wayAlone, "at least 80 % of the tunnel alone", func(r row) bool { return r.Ratio >= 0.8 }},
	{"sandbox: open descriptors at the end", "before", "no more than before", func(r row) bool { return r.added() <= 2 }},
	{"sandbox: goroutines at the end", "before", "no more than before", func(r row) bool { return r.added() <= 5 }},
	{"sandbox: heap at the end", "before", "at most 8 MiB more than before", func(r row) bool { return r.added() <= 8 }},
	{"sandbox: connections failed", "", "none", func(r row) bool { return r.Value == 0 }},
	{"debugger: a request by a session's endpoint, p50", wayDelve, "at most 0.2 ms more than the adapter alone", func(r row) bool { return r.added() <= 0.2 }},
	{"debugger: a request by tunnel-server dap, p50", wayDelve, "at most 0.2 ms more than the adapter alone", func(r row) bool { return r.added() <= 0.2 }},
}

// verdict says whether a goal is met.
func (g goal) verdict(r *report) string {
	for _, row := range r.Rows {
		if !strings.HasPrefix(row.Name, g.row) || !strings.HasPrefix(row.VS, g.vs) {
			continue
		}
		if g.met(row) {
			return fmt.Sprintf("met     %s: %s", g.row, g.text)
		}
		return fmt.Sprintf("MISSED  %s: %s; it is %v %s", g.row, g.text, row.Value, row.Unit)
	}
	return fmt.Sprintf("MISSED  %s: not measured", g.row)
}

// machine says what was measured on.
func machine() string {
	model := runtime.GOARCH
	if content, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(content)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
