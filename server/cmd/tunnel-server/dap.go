package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newDAP(f *flags) *cobra.Command {
	var adapter string
	cmd := &cobra.Command{Use: "dap --adapter NAME --stdio", Short: "be the debug adapter of any DAP editor", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&adapter, "adapter", "", "the debug adapter, such as go (default: what the editor names in adapterID)")
	cmd.Flags().Bool("stdio", true, "speak over standard input and output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		_ = f
		return errors.New("not wired yet")
	}
	return cmd
}
