package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/kubetunnel/kubetunnel/operator/controller"
	"github.com/kubetunnel/kubetunnel/operator/version"
)

// endCommand is what runs before the operator is removed.
func endCommand(f *flags) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "end-intercepts",
		Short: "deletes all Intercepts and waits until the running operator has put the Services back",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := f.logger()
			if err != nil {
				return err
			}
			config, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("find the API server: %w", err)
			}
			config.UserAgent = "tunnel-operator/" + version.Version
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return controller.EndIntercepts(ctx, config, f.watched, log)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "for how long to wait")
	return cmd
}
