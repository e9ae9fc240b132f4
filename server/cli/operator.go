package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func (a *app) installCommand() *cobra.Command {
	var params protocol.InstallOperatorParams
	cmd := &cobra.Command{
		Use: "install", Short: "install the operator in the cluster, or bring it to this version", Args: takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), nil, func(ctx context.Context, b Backend, _ *slog.Logger) error {
				params.Context = a.kubeContext
				status, err := b.InstallOperator(ctx, &params, a.sayLine())
				if err != nil {
					return err
				}
				fmt.Fprintf(a.Streams.Out, "operator %s is ready in namespace %s\n", status.Version, status.Namespace)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&params.Image, "image", "", "image of operator and agent (default: this release's)")
	cmd.Flags().StringVar(&params.ImagePullPolicy, "image-pull-policy", "", "Always, IfNotPresent or Never")
	return cmd
}

func (a *app) uninstallCommand() *cobra.Command {
	return &cobra.Command{
		Use: "uninstall", Short: "end all intercepts, wait until their Services are back, remove the operator", Args: takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), nil, func(ctx context.Context, b Backend, _ *slog.Logger) error {
				if err := b.UninstallOperator(ctx, a.kubeContext, a.sayLine()); err != nil {
					return err
				}
				fmt.Fprintln(a.Streams.Out, "the operator is gone")
				return nil
			})
		},
	}
}

// sayLine prints progress with the time since the start.
func (a *app) sayLine() func(string) {
	began := time.Now()
	return func(text string) { fmt.Fprintf(a.Streams.Err, "%6.1fs  %s\n", time.Since(began).Seconds(), text) }
}

func (a *app) revertCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revert [NAMESPACE/]SERVICE", Short: "end the intercepts on a Service and put it back from its annotation, also without the operator", Args: takes(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			namespace, service, err := splitService(args[0])
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), nil, func(ctx context.Context, b Backend, _ *slog.Logger) error {
				if err := b.Revert(ctx, a.kubeContext, namespace, service); err != nil {
					return err
				}
				fmt.Fprintf(a.Streams.Out, "Service %s is the origin's\n", args[0])
				return nil
			})
		},
	}
}
