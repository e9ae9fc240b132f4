package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func newInstall(f *flags) *cobra.Command {
	var params protocol.InstallOperatorParams
	cmd := &cobra.Command{Use: "install", Short: "install the operator in the cluster, or bring it to this version", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&params.Image, "image", "", "image of operator and agent (default: this release's)")
	cmd.Flags().StringVar(&params.ImagePullPolicy, "image-pull-policy", "", "Always, IfNotPresent or Never")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b, err := f.backend()
		if err != nil {
			return err
		}
		defer b.stopWatch()
		params.Context = f.kubeContext
		status, err := b.InstallOperator(cmd.Context(), &params, sayLine())
		if err != nil {
			return err
		}
		fmt.Printf("operator %s is ready in namespace %s\n", status.Version, status.Namespace)
		return nil
	}
	return cmd
}

func newUninstall(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "uninstall", Short: "end all intercepts, wait until their Services are back, remove the operator", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := f.backend()
			if err != nil {
				return err
			}
			defer b.stopWatch()
			return b.UninstallOperator(cmd.Context(), f.kubeContext, sayLine())
		},
	}
}

// sayLine prints progress with the time since the start.
func sayLine() func(string) {
	began := time.Now()
	return func(text string) { fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), text) }
}

func newStatus(f *flags) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{Use: "status", Short: "the operator, and who intercepts what", Args: cobra.NoArgs}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace (default: the context's)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b, err := f.backend()
		if err != nil {
			return err
		}
		defer b.stopWatch()
		status, err := b.OperatorStatus(cmd.Context(), f.kubeContext)
		if err != nil {
			return err
		}
		printOperator(status)
		services, err := b.Services(cmd.Context(), f.kubeContext, namespace)
		if err != nil {
			return err
		}
		return printServices(services)
	}
	return cmd
}

func printOperator(s *protocol.OperatorStatusResult) {
	switch {
	case !s.Installed:
		fmt.Println("operator: not installed; `tunnel-server install` does it")
	case !s.Ready:
		fmt.Printf("operator: %s, not ready: %s\n", s.Version, s.Message)
	default:
		fmt.Printf("operator: %s, ready (%s)\n", s.Version, s.Image)
	}
}

func printServices(services []protocol.Service) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SERVICE\tPORTS\tWORKLOAD\tINTERCEPTED BY\tSTATE\tSINCE")
	for _, s := range services {
		ports := make([]string, 0, len(s.Ports))
		for _, p := range s.Ports {
			ports = append(ports, fmt.Sprintf("%d→%s", p.Port, p.TargetPort))
		}
		workload, by, state, since := "-", "-", "", ""
		if s.Workload != nil {
			workload = fmt.Sprintf("%s/%s %d/%d", s.Workload.Kind, s.Workload.Name, s.Workload.Ready, s.Workload.Total)
		}
		if s.Intercept != nil {
			by, state, since = s.Intercept.User+"@"+s.Intercept.Host, s.Intercept.State, s.Intercept.Since
		}
		fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%s\t%s\n", s.Namespace, s.Name, strings.Join(ports, ","), workload, by, state, since)
	}
	return w.Flush()
}

func newRevert(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "revert NAMESPACE/SERVICE", Short: "put a Service back from its annotation alone, without the operator", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := f.backend()
			if err != nil {
				return err
			}
			defer b.stopWatch()
			namespace, service := splitService(args[0])
			if err := b.Revert(cmd.Context(), f.kubeContext, namespace, service); err != nil {
				return err
			}
			fmt.Printf("Service %s is the origin's\n", args[0])
			return nil
		},
	}
}

// splitService reads "namespace/service", or "service" alone.
func splitService(s string) (namespace, service string) {
	if namespace, service, ok := strings.Cut(s, "/"); ok {
		return namespace, service
	}
	return "", s
}
