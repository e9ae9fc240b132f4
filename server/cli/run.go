package cli

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func (a *app) runCommand() *cobra.Command {
	var expose []int
	cmd := &cobra.Command{
		Use:     "run --service [NAMESPACE/]NAME -- COMMAND [ARGS…]",
		Short:   "run a program as the Service's pod, without a debugger",
		Example: "  tunnel-server run --service shop/cart -- go run ./cart\n  tunnel-server run --service shop/web --service-port http --port 3000 -- npm start",
		Args:    takes(cobra.MinimumNArgs(1)),
	}
	flags := addTargetFlags(cmd)
	cmd.Flags().IntSliceVar(&expose, "expose", nil, "a port of the program's debug server (JDWP, --inspect, …) to reach at 127.0.0.1, of the same number where that is free")
	_ = cmd.MarkFlagRequired("service") // the flag is there
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		target, err := flags.read(a.kubeContext)
		if err != nil {
			return err
		}
		return a.with(cmd.Context(), &a.Streams, func(ctx context.Context, b Backend, _ *slog.Logger) error {
			return a.runProgram(ctx, b, target, &protocol.Command{Args: args, Expose: expose})
		})
	}
	return cmd
}

// parseForwards reads LOCALPORT:HOST:PORT.
func parseForwards(texts []string) ([]protocol.Forward, error) {
	var out []protocol.Forward
	for _, text := range texts {
		local, address, _ := strings.Cut(text, ":")
		port, err := strconv.Atoi(local)
		if err != nil {
			return nil, protocol.Errorf(protocol.CodeInvalidParams, "--forward %s: write it as LOCALPORT:HOST:PORT, such as 5432:db.data:5432", text)
		}
		out = append(out, protocol.Forward{LocalPort: port, Address: address})
	}
	return out, nil
}

// runProgram is a process session from start to receipt.
func (a *app) runProgram(ctx context.Context, b Backend, target protocol.Target, command *protocol.Command) error {
	var err error
	if command.Cwd, err = os.Getwd(); err != nil {
		return err
	}
	id := rand.Text()
	t := newTerminal(a.Streams)
	_, err = b.Start(ctx, &protocol.StartSessionParams{ID: id, Target: target, Command: command}, t)
	if err != nil && ctx.Err() == nil {
		return err
	}
	// A signal ends the wait, and with it the session.
	if err == nil {
		_, _ = b.Wait(ctx, id)
	}
	if ctx.Err() != nil {
		t.say("ending; the Service goes back first (once more to leave that to the operator)")
		a.stop(b, id)
	}
	if err := a.end(b); err != nil {
		return err
	}
	info, err := b.Wait(a.patience, id)
	if err != nil {
		return err
	}
	return t.finish(info, ctx.Err() != nil)
}

// stop ends one session. Whether it has ended is seen when all are.
func (a *app) stop(b Backend, id string) {
	ctx, cancel := context.WithTimeout(a.patience, endTimeout)
	defer cancel()
	_, _ = b.Stop(ctx, id)
}

// interrupted is the exit code of shells for a program that Ctrl-C has ended.
const interrupted = 130
