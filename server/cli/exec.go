package cli

import "github.com/spf13/cobra"

func (a *app) execCommand() *cobra.Command {
	var session string
	var keep []string
	cmd := &cobra.Command{
		Use:   "exec [--session NAME] -- COMMAND [ARGS…]",
		Short: "run a command beside a running session's process: same network, names, environment and files",
		Long: "exec runs a command in the sandbox of a session that runs on this machine, as its debuggee is run.\n" +
			"NAME is the session's id, the beginning of it, or its Service: cart, or shop/cart.",
		Example: "  tunnel-server exec -- curl -s http://prices/healthz\n  tunnel-server exec --session shop/cart -- bash",
		Args:    takes(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			code, err := a.Exec(session, args, keep)
			if err == nil && code != 0 {
				err = exitCode(code)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&session, "session", "", "which session (default: the only one)")
	cmd.Flags().StringArrayVar(&keep, "keep", nil, "an environment variable that stays as it is here, whatever the pod has")
	// What follows the command is the command's own.
	cmd.Flags().SetInterspersed(false)
	return cmd
}
