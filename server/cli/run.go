package cli

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/protocol"
)

func (a *app) runCommand() *cobra.Command {
	var service string
	var target protocol.Target
	var bare bool
	var forwards []string
	var expose []int
	var lease time.Duration
	cmd := &cobra.Command{
		Use:     "run --service [NAMESPACE/]NAME -- COMMAND [ARGS…]",
		Short:   "run a program as the Service's pod, without a debugger",
		Example: "  tunnel-server run --service shop/cart -- go run ./cart\n  tunnel-server run --service shop/web --service-port http --port 3000 -- npm start",
		Args:    takes(cobra.MinimumNArgs(1)),
	}
	cmd.Flags().StringVar(&service, "service", "", "the Service to stand in for")
	cmd.Flags().StringVar(&target.Port, "service-port", "", "the Service's port, by name or number (default: all)")
	cmd.Flags().IntVar(&target.LocalPort, "port", 0, "where the program listens (default: the Service's target port)")
	cmd.Flags().BoolVar(&bare, "no-inherit", false, "go without the app's environment, files and identity")
	cmd.Flags().StringArrayVar(&forwards, "forward", nil, "reach HOST:PORT of the cluster at 127.0.0.1:LOCALPORT meanwhile, as LOCALPORT:HOST:PORT")
	cmd.Flags().IntSliceVar(&expose, "expose", nil, "a port of the program's debug server (JDWP, --inspect, …) to reach at 127.0.0.1, of the same number where that is free")
	cmd.Flags().StringSliceVar(&target.ViaCluster, "via-cluster", nil, "addresses, ranges and domains to reach from the pod, though they don't seem the cluster's")
	cmd.Flags().StringSliceVar(&target.ViaWorkstation, "via-workstation", nil, "those to reach from this machine, though they seem the cluster's (a VPN's, say)")
	cmd.Flags().DurationVar(&lease, "lease", target.Lease(), "how long the session outlives its connection to the cluster, on a laptop that sleeps, say")
	_ = cmd.MarkFlagRequired("service") // the flag is there
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if target.Namespace, target.Service, err = splitService(service); err != nil {
			return err
		}
		if target.Forwards, err = parseForwards(forwards); err != nil {
			return err
		}
		inherit := !bare
		if cmd.Flags().Changed("lease") {
			target.LeaseSeconds = int(lease.Seconds())
		}
		target.Context, target.Inherit = a.kubeContext, &inherit
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
