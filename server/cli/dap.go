package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func (a *app) dapCommand() *cobra.Command {
	var adapter string
	cmd := &cobra.Command{
		Use: "dap [--adapter NAME] --stdio [-- COMMAND [ARGS…]]", Short: "be the debug adapter of any DAP editor", Args: takes(afterDash),
		Long: "Be the debug adapter of any DAP editor, on standard input and output.\n\n" +
			"The launch configuration names the Service as \"kubetunnel\": {\"service\": \"cart\", \"namespace\": \"shop\"}. Where an editor can't have that " +
			"in its configurations, --service does, and the flags beside it.\n\n" +
			"NAME is an adapter that is known here, as a launch configuration's type; COMMAND is any other one that speaks DAP on its standard input and output.",
		Example: "  tunnel-server dap --adapter go --stdio\n  tunnel-server dap --adapter debugpy --service shop/cart --stdio\n  tunnel-server dap --stdio -- gdb -i=dap",
	}
	cmd.Flags().StringVar(&adapter, "adapter", "", "the debug adapter, such as go (default: what the editor names in adapterID)")
	cmd.Flags().Bool("stdio", true, "speak over standard input and output")
	flags := addTargetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var target *protocol.Target
		service, others := flags.given()
		if service {
			read, err := flags.read(a.kubeContext)
			if err != nil {
				return err
			}
			target = &read
		} else if others {
			return usageError{errors.New("the flags about the target need --service; without it the launch configuration's \"kubetunnel\" tells all")}
		}
		return a.with(cmd.Context(), nil, func(ctx context.Context, b Backend, log *slog.Logger) error {
			session := &debugSession{backend: b, kubeContext: a.kubeContext}
			return a.DAP(ctx, DAPOptions{Streams: a.Streams, Adapter: adapter, Command: args, Target: target, Start: session.start, End: session.end, Log: log})
		})
	}
	return cmd
}

// afterDash takes arguments after -- alone: a flag's value that was forgotten is none.
func afterDash(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && cmd.ArgsLenAtDash() != 0 {
		return fmt.Errorf("%q is not a flag: write an adapter's command line after --", args[0])
	}
	return nil
}

// debugSession is the debug session of the DAP face. Its end is asked for after its start has returned.
type debugSession struct {
	backend     Backend
	kubeContext string
	id          string
}

// start starts it, anew each time: a launch that has failed may be mended and tried again.
func (d *debugSession) start(ctx context.Context, target protocol.Target, launch json.RawMessage, say func(string)) (*protocol.Endpoint, error) {
	if target.Context == "" {
		target.Context = d.kubeContext
	}
	d.id = rand.Text()
	result, err := d.backend.Start(ctx, &protocol.StartSessionParams{ID: d.id, Target: target, Launch: launch}, &console{say: say})
	if err != nil {
		return nil, err
	}
	return result.DAP, nil
}

// end ends it, and waits for that. What does not end in time ends with the engine, or by its lease.
func (d *debugSession) end(ctx context.Context) { _, _ = d.backend.Stop(ctx, d.id) }

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
