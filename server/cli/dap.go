package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func (a *app) dapCommand() *cobra.Command {
	var adapter string
	cmd := &cobra.Command{
		Use: "dap [--adapter NAME] --stdio [-- COMMAND [ARGS…]]", Short: "be the debug adapter of any DAP editor",
		Long: "dap is a debug adapter whose programs run in the cluster. NAME is one that is known here, as a launch configuration's\n" +
			"type; COMMAND is any other one that speaks DAP on its standard input and output.",
		Example: "  tunnel-server dap --adapter go --stdio\n  tunnel-server dap --stdio -- gdb --interpreter=dap",
		Args:    takes(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), nil, func(ctx context.Context, b Backend, log *slog.Logger) error {
				return a.DAP(ctx, DAPOptions{Streams: a.Streams, Adapter: adapter, Command: args, Start: a.debugStart(b), Log: log})
			})
		},
	}
	cmd.Flags().StringVar(&adapter, "adapter", "", "the debug adapter, such as go (default: what the editor names in adapterID)")
	cmd.Flags().Bool("stdio", true, "speak over standard input and output")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// debugStart starts debug sessions for the DAP face.
func (a *app) debugStart(b Backend) func(context.Context, protocol.Target, json.RawMessage, func(string)) (*protocol.Endpoint, error) {
	return func(ctx context.Context, target protocol.Target, launch json.RawMessage, say func(string)) (*protocol.Endpoint, error) {
		if target.Context == "" {
			target.Context = a.kubeContext
		}
		result, err := b.Start(ctx, &protocol.StartSessionParams{ID: rand.Text(), Target: target, Launch: launch}, &console{say: say})
		if err != nil {
			return nil, err
		}
		return result.DAP, nil
	}
}

// console shows a session's states in the editor's debug console.
type console struct {
	say func(string)

	mu            sync.Mutex
	state, reason string
}

func (c *console) SessionChanged(info protocol.SessionInfo) {
	c.mu.Lock()
	same := c.state == string(info.State) && c.reason == info.Reason
	c.state, c.reason = string(info.State), info.Reason
	c.mu.Unlock()
	if !same && info.Reason != "" {
		c.say(fmt.Sprintf("KubeTunnel is %s: %s\n", info.State, info.Reason))
	}
}

func (c *console) SessionOutput(_, category, text string) {
	if category == "console" {
		c.say(text)
	}
}
