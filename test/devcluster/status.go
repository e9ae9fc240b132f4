package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// report is what status tells.
type report struct {
	Name       string            `json:"name"`
	Healthy    bool              `json:"healthy"`
	Problem    string            `json:"problem,omitempty"`
	Kubeconfig string            `json:"kubeconfig,omitempty"`
	Server     string            `json:"server,omitempty"`
	Nodes      []nodeReport      `json:"nodes,omitempty"`
	Components []componentReport `json:"components,omitempty"`
	AuditLog   string            `json:"auditLog,omitempty"`
}

type nodeReport struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
}

type componentReport struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	Runs bool   `json:"runs"`
	Log  string `json:"log"`
}

func (c *cli) status() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "status", Short: "what runs; fails when the cluster can't be used", Args: cobra.NoArgs}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.RunE = c.run(func(ctx context.Context, l layout, _ []string) error {
		problem := healthy(ctx, l)
		r := examine(ctx, l, problem)
		if asJSON {
			return errors.Join(json.NewEncoder(os.Stdout).Encode(r), problem)
		}
		return errors.Join(r.print(os.Stdout), problem)
	})
	return cmd
}

func examine(ctx context.Context, l layout, problem error) report {
	r := report{Name: l.Name, Healthy: problem == nil}
	if problem != nil {
		r.Problem = problem.Error()
	}
	st, err := l.load()
	if err != nil {
		return r
	}
	r.Kubeconfig, r.Server, r.AuditLog = l.kubeconfig(), l.server(), st.AuditLog
	for name, p := range st.Processes {
		r.Components = append(r.Components, componentReport{Name: name, PID: p.PID, Runs: p.Alive(), Log: l.log(name)})
	}
	sort.Slice(r.Components, func(i, j int) bool { return r.Components[i].Name < r.Components[j].Name })
	ready := map[string]bool{}
	if c, err := client(l); err == nil {
		if known, err := nodeReady(ctx, c); err == nil {
			ready = known
		}
	}
	for n := 1; n <= st.Nodes; n++ {
		r.Nodes = append(r.Nodes, nodeReport{Name: nodeName(n), Ready: ready[nodeName(n)]})
	}
	return r
}

func (r report) print(out io.Writer) error {
	if len(r.Components) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	lines := []string{"COMPONENT\tPID\tRUNS"}
	for _, c := range r.Components {
		lines = append(lines, fmt.Sprintf("%s\t%d\t%v", c.Name, c.PID, c.Runs))
	}
	for _, n := range r.Nodes {
		lines = append(lines, fmt.Sprintf("%s\t\tready: %v", n.Name, n.Ready))
	}
	for _, line := range append(lines, "", "kubeconfig: "+r.Kubeconfig) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return w.Flush()
}
