// Command devcluster brings up a real Kubernetes on one Linux machine, in
// namespaces of its own, and takes it down without a trace.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
}

// cli makes the commands; name is the cluster that they are about.
type cli struct {
	name string
}

func root() *cobra.Command {
	c := &cli{}
	cmd := &cobra.Command{
		Use: "devcluster", Short: "a real Kubernetes on this machine, for tests",
		SilenceUsage: true, SilenceErrors: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	cmd.PersistentFlags().StringVar(&c.name, "name", defaultName, "the cluster's name")
	cmd.AddCommand(
		c.up(), c.build(), c.down(), c.status(), c.user(), c.load(), imageCommand(),
		c.kill(), c.restart(), c.net(), c.hold(),
	)
	return cmd
}

type action func(ctx context.Context, l layout, args []string) error

// run makes a command's RunE of what it does to the cluster.
func (c *cli) run(do action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		l, err := newLayout(c.name)
		if err != nil {
			return err
		}
		return do(cmd.Context(), l, args)
	}
}

// change is run for what changes a cluster that is up: one at a time.
func (c *cli) change(do func(ctx context.Context, l layout, st *state, args []string) error) func(*cobra.Command, []string) error {
	return c.run(func(ctx context.Context, l layout, args []string) error {
		if os.Geteuid() != 0 {
			return host.ErrNotRoot
		}
		lock, err := host.Lock(ctx, l.Name, sayer())
		if err != nil {
			return err
		}
		defer func() { _ = lock.Close() }()
		st, err := l.load()
		if err != nil {
			return err
		}
		return do(ctx, l, st, args)
	})
}

// sayer prints progress with the time since the start.
func sayer() func(string, ...any) {
	began := time.Now()
	return func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
}
