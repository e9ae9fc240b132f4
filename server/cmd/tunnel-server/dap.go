package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/engine/debug"
	"github.com/kubetunnel/kubetunnel/protocol"
)

func newDAP(f *flags) *cobra.Command {
	var adapter string
	cmd := &cobra.Command{Use: "dap --adapter NAME --stdio", Short: "be the debug adapter of any DAP editor", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&adapter, "adapter", "", "the debug adapter, such as go (default: what the editor names in adapterID)")
	cmd.Flags().Bool("stdio", true, "speak over standard input and output")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runDAP(cmd.Context(), f, adapter)
	}
	return cmd
}

// runDAP is one debug session for an editor that speaks DAP alone.
func runDAP(ctx context.Context, f *flags, adapter string) error {
	b, err := f.backend()
	if err != nil {
		return err
	}
	log, err := f.logger()
	if err != nil {
		return err
	}
	err = debug.Standalone(ctx, debug.StandaloneOptions{
		In: os.Stdin, Out: os.Stdout, Adapter: adapter, Folder: b.folder, Log: log,
		Start: func(ctx context.Context, target protocol.Target, launch json.RawMessage, say func(string)) (*protocol.Endpoint, error) {
			if target.Context == "" {
				target.Context = f.kubeContext
			}
			result, err := b.Engine.Start(ctx, &protocol.StartSessionParams{ID: newID(), Target: target, Launch: launch}, &console{say: say})
			if err != nil {
				return nil, err
			}
			return result.DAP, nil
		},
	})
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTimeout)
	defer cancel()
	if closeErr := b.Close(end); err == nil {
		err = closeErr
	}
	return err
}

// console shows a session's states in the editor's debug console.
type console struct {
	say func(string)

	mu    sync.Mutex
	state protocol.State
}

func (c *console) SessionChanged(info protocol.SessionInfo) {
	c.mu.Lock()
	same := c.state == info.State
	c.state = info.State
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
