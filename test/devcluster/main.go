// Command devcluster brings up a real Kubernetes on one Linux machine, in
// namespaces of its own, and takes it down without a trace.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/binaries"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/image"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/pki"
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

func root() *cobra.Command {
	var name string
	cmd := &cobra.Command{Use: "devcluster", Short: "a real Kubernetes on this machine, for tests", SilenceUsage: true, SilenceErrors: true}
	cmd.PersistentFlags().StringVar(&name, "name", defaultName, "the cluster's name")
	at := func(f func(ctx context.Context, l layout, args []string) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			l, err := newLayout(name)
			if err != nil {
				return err
			}
			return f(cmd.Context(), l, args)
		}
	}
	cmd.AddCommand(upCommand(at), downCommand(at), statusCommand(at), userCommand(at), imageCommand(), buildCommand())
	cmd.AddCommand(
		&cobra.Command{Use: "load IMAGE.tar...", Short: "give images to every node", Args: cobra.MinimumNArgs(1), RunE: at(load)},
		&cobra.Command{Use: "kill COMPONENT", Short: "end a component without warning", Args: cobra.ExactArgs(1), RunE: at(func(ctx context.Context, l layout, a []string) error { return kill(ctx, l, a[0]) })},
		&cobra.Command{Use: "restart COMPONENT", Short: "end a component and start it again", Args: cobra.ExactArgs(1), RunE: at(func(ctx context.Context, l layout, a []string) error { return restart(ctx, l, a[0]) })},
		&cobra.Command{Use: "cut", Short: "lose every packet between the host and the cluster", Args: cobra.NoArgs, RunE: at(func(ctx context.Context, l layout, _ []string) error { return setLink(ctx, l, true) })},
		&cobra.Command{Use: "heal", Short: "undo cut", Args: cobra.NoArgs, RunE: at(func(ctx context.Context, l layout, _ []string) error { return setLink(ctx, l, false) })},
	)
	return cmd
}

type atLayout = func(func(context.Context, layout, []string) error) func(*cobra.Command, []string) error

// sayer prints progress with the time since the start.
func sayer() func(string, ...any) {
	began := time.Now()
	return func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
}

func upCommand(at atLayout) *cobra.Command {
	var opts upOptions
	cmd := &cobra.Command{Use: "up", Short: "bring the cluster up; prints the kubeconfig's path", Args: cobra.NoArgs}
	cmd.Flags().IntVar(&opts.nodes, "nodes", 1, "how many nodes: 1 or 2")
	cmd.Flags().StringVar(&opts.kubeconfig, "kubeconfig", "", "also write the admin's kubeconfig here")
	cmd.Flags().StringVar(&opts.cache, "cache", "", "folder for built programs (default $KUBETUNNEL_CACHE or the user's cache folder)")
	cmd.Flags().StringVar(&opts.src, "src", "", "the hyperkube module (default: found above the working folder)")
	cmd.RunE = at(func(ctx context.Context, l layout, _ []string) error {
		if opts.nodes < 1 || opts.nodes > 2 {
			return fmt.Errorf("%d nodes: 1 or 2 can be had", opts.nodes)
		}
		if err := opts.fill(); err != nil {
			return err
		}
		if err := up(ctx, l, opts, sayer()); err != nil {
			return err
		}
		path := l.kubeconfig()
		if opts.kubeconfig != "" {
			path = opts.kubeconfig
		}
		fmt.Println(path)
		return nil
	})
	return cmd
}

func (o *upOptions) fill() (err error) {
	if o.cache == "" {
		if o.cache, err = binaries.Dir(); err != nil {
			return err
		}
	}
	if o.src == "" {
		o.src, err = binaries.FindSource()
	}
	return err
}

func buildCommand() *cobra.Command {
	var opts upOptions
	cmd := &cobra.Command{Use: "build", Short: "build the programs into the cache", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		if err := opts.fill(); err != nil {
			return err
		}
		dir, err := binaries.Build(cmd.Context(), opts.src, opts.cache, sayer())
		if err == nil {
			fmt.Println(dir)
		}
		return err
	}}
	cmd.Flags().StringVar(&opts.cache, "cache", "", "folder for built programs")
	cmd.Flags().StringVar(&opts.src, "src", "", "the hyperkube module")
	return cmd
}

func downCommand(at atLayout) *cobra.Command {
	return &cobra.Command{Use: "down", Short: "take the cluster down without a trace", Args: cobra.NoArgs, RunE: at(func(ctx context.Context, l layout, _ []string) error {
		if os.Geteuid() != 0 {
			return host.ErrNotRoot
		}
		return down(ctx, l, sayer())
	})}
}

func statusCommand(at atLayout) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "status", Short: "what runs; fails when the cluster can't be used", Args: cobra.NoArgs}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.RunE = at(func(ctx context.Context, l layout, _ []string) error {
		problem := healthy(ctx, l)
		st, err := l.load()
		if err != nil {
			return problem
		}
		if asJSON {
			out := map[string]any{"name": l.Name, "kubeconfig": l.kubeconfig(), "nodes": st.Nodes, "processes": st.Processes, "healthy": problem == nil}
			if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
				return err
			}
			return problem
		}
		return errors.Join(printStatus(l, st), problem)
	})
	return cmd
}

func printStatus(l layout, st *state) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "COMPONENT\tPID\tRUNS\n")
	names := make([]string, 0, len(st.Processes))
	for name := range st.Processes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(w, "%s\t%d\t%v\n", name, st.Processes[name].PID, st.Processes[name].Alive())
	}
	fmt.Fprintf(w, "kubeconfig\t%s\t\n", l.kubeconfig())
	return w.Flush()
}

func userCommand(at atLayout) *cobra.Command {
	var groups []string
	var out string
	cmd := &cobra.Command{Use: "user NAME", Short: "write the kubeconfig of an ordinary user", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringSliceVar(&groups, "group", nil, "a group of the user")
	cmd.Flags().StringVar(&out, "kubeconfig", "", "where to write it")
	_ = cmd.MarkFlagRequired("kubeconfig")
	cmd.RunE = at(func(_ context.Context, l layout, args []string) error {
		ca, err := pki.Load(l.pki())
		if err != nil {
			return fmt.Errorf("cluster %s is not up: %w", l.Name, err)
		}
		return ca.Kubeconfig(filepath.Clean(out), l.server(), l.Name, args[0], groups)
	})
	return cmd
}

func imageCommand() *cobra.Command {
	var spec image.Spec
	var out string
	cmd := &cobra.Command{Use: "image", Short: "build an image from local files", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return image.Write(spec, out) }}
	f := cmd.Flags()
	f.StringVar(&spec.Ref, "ref", "", "the image's name and tag")
	f.StringVarP(&out, "out", "o", "", "the tarball to write")
	f.StringVar(&spec.User, "user", "", "UID[:GID]")
	f.StringVar(&spec.WorkDir, "workdir", "", "working folder")
	f.StringArrayVar(&spec.Env, "env", nil, "NAME=value")
	f.StringArrayVar(&spec.Expose, "expose", nil, "port/protocol")
	f.StringArrayVar(&spec.Entrypoint, "entrypoint", nil, "one word of the command line")
	f.StringArrayVar(&spec.Files, "file", nil, "SRC:DST[:MODE]")
	_ = cmd.MarkFlagRequired("ref")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}
