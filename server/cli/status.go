package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func (a *app) statusCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use: "status", Short: "the contexts, the operator, and who intercepts what", Args: takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), nil, func(ctx context.Context, b Backend, _ *slog.Logger) error {
				return a.status(ctx, b, namespace)
			})
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace (default: the context's)")
	return cmd
}

func (a *app) status(ctx context.Context, b Backend, namespace string) error {
	known, err := b.Contexts(ctx, &protocol.ListContextsParams{})
	if err != nil {
		return err
	}
	if err := printContexts(a.Streams.Out, known.Contexts, a.kubeContext); err != nil {
		return err
	}
	operator, err := b.OperatorStatus(ctx, a.kubeContext)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Streams.Out, "\noperator: %s\n\n", operatorLine(operator))
	found, err := b.Services(ctx, &protocol.ListServicesParams{Context: a.kubeContext, Namespace: namespace})
	if err != nil {
		return err
	}
	return printServices(a.Streams.Out, found.Services)
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

// printContexts marks the one that is asked.
func printContexts(out io.Writer, contexts []protocol.KubeContext, asked string) error {
	w := table(out)
	fmt.Fprintln(w, "\tCONTEXT\tCLUSTER\tUSER\tNAMESPACE")
	for _, c := range contexts {
		mark := ""
		if c.Name == asked || asked == "" && c.Current {
			mark = "*"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", mark, c.Name, c.Cluster, c.User, c.Namespace)
	}
	return w.Flush()
}

func operatorLine(s *protocol.OperatorStatusResult) string {
	line := fmt.Sprintf("%s, ready (%s)", s.Version, s.Image)
	switch {
	case !s.Installed:
		return "not installed; `tunnel-server install` does it"
	case !s.Ready:
		line = fmt.Sprintf("%s, not ready", s.Version)
	}
	if s.Wanted != "" && s.Wanted != s.Version {
		line += fmt.Sprintf("; this is %s, `tunnel-server install` brings it there", s.Wanted)
	}
	if s.Message != "" {
		line += ": " + s.Message
	}
	return line
}

func seconds(n int64) string { return (time.Duration(n) * time.Second).String() }

func printServices(out io.Writer, services []protocol.Service) error {
	if len(services) == 0 {
		fmt.Fprintln(out, "no Services in this namespace")
		return nil
	}
	w := table(out)
	fmt.Fprintln(w, "SERVICE\tPORTS\tWORKLOAD\tINTERCEPTED BY\tSTATE\tAGE\tLEASE LEFT\tNOTE")
	for _, s := range services {
		ports := make([]string, 0, len(s.Ports))
		for _, p := range s.Ports {
			ports = append(ports, fmt.Sprintf("%d→%s", p.Port, p.TargetPort))
		}
		workload, by, state, age, lease := "-", "-", "-", "-", "-"
		if s.Workload != nil {
			workload = fmt.Sprintf("%s/%s %d/%d", s.Workload.Kind, s.Workload.Name, s.Workload.Ready, s.Workload.Total)
		}
		if i := s.Intercept; i != nil {
			by, state, lease = i.User+"@"+i.Host, i.State, seconds(i.LeaseLeftSeconds)
			if age = "since " + i.Since; i.AgeSeconds > 0 {
				age = seconds(i.AgeSeconds)
			}
			if i.Mine {
				by += " (you)"
			}
		}
		fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			s.Namespace, s.Name, strings.Join(ports, ","), workload, by, state, age, lease, s.NotInterceptable)
	}
	return w.Flush()
}
