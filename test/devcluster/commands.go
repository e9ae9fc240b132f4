package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/binaries"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/image"
	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/pki"
)

func (c *cli) up() *cobra.Command {
	var opts upOptions
	cmd := &cobra.Command{Use: "up", Short: "bring the cluster up; prints the kubeconfig's path", Args: cobra.NoArgs}
	cmd.Flags().IntVar(&opts.nodes, "nodes", 1, "how many nodes: 1 or 2")
	cmd.Flags().BoolVar(&opts.onlyIPv4, "ipv4", false, "without IPv6, as on a kernel that has none")
	cmd.Flags().StringVar(&opts.kubeconfig, "kubeconfig", "", "also write the admin's kubeconfig here")
	cmd.Flags().BoolVar(&opts.audit, "audit", false, "let the API server log who of the pods asks it for what; status tells the log's path")
	opts.buildFlags(cmd)
	cmd.RunE = c.run(func(ctx context.Context, l layout, _ []string) error {
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

func (o *upOptions) buildFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.cache, "cache", "", "folder for built programs (default $KUBETUNNEL_CACHE, or kubetunnel in the user's cache folder)")
	cmd.Flags().StringVar(&o.src, "src", "", "the hyperkube module (default: found above the working folder)")
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

func (c *cli) build() *cobra.Command {
	var opts upOptions
	cmd := &cobra.Command{Use: "build", Short: "build the programs into the cache; prints their folder", Args: cobra.NoArgs}
	opts.buildFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := opts.fill(); err != nil {
			return err
		}
		dir, err := binaries.Build(cmd.Context(), opts.src, opts.cache, "", sayer())
		if err == nil {
			fmt.Println(dir)
		}
		return err
	}
	return cmd
}

func (c *cli) down() *cobra.Command {
	return &cobra.Command{Use: "down", Short: "take the cluster down without a trace", Args: cobra.NoArgs,
		RunE: c.run(func(ctx context.Context, l layout, _ []string) error { return down(ctx, l, sayer()) })}
}

func (c *cli) hold() *cobra.Command {
	return &cobra.Command{Use: "hold", Hidden: true, Args: cobra.NoArgs,
		RunE: c.run(func(_ context.Context, l layout, _ []string) error { return hold(l) })}
}

func (c *cli) load() *cobra.Command {
	return &cobra.Command{Use: "load IMAGE.tar...", Short: "give images to every node", Args: cobra.MinimumNArgs(1),
		RunE: c.change(load)}
}

func (c *cli) kill() *cobra.Command {
	return &cobra.Command{Use: "kill COMPONENT", Short: "end a component without warning", Args: cobra.ExactArgs(1),
		RunE: c.change(func(ctx context.Context, _ layout, st *state, args []string) error { return kill(ctx, st, args[0]) })}
}

func (c *cli) restart() *cobra.Command {
	return &cobra.Command{Use: "restart COMPONENT", Short: "end a component and start it again", Args: cobra.ExactArgs(1),
		RunE: c.change(func(ctx context.Context, l layout, st *state, args []string) error {
			return restart(ctx, l, st, args[0])
		})}
}

func (c *cli) net() *cobra.Command {
	cmd := &cobra.Command{Use: "net", Short: "spoil the network between the host and the cluster, or of a node"}
	cmd.AddCommand(
		&cobra.Command{Use: "cut", Short: "lose every packet, both ways", Args: cobra.NoArgs,
			RunE: c.change(func(ctx context.Context, _ layout, st *state, _ []string) error { return cut(ctx, st) })},
		&cobra.Command{Use: "heal", Short: "undo all of these", Args: cobra.NoArgs,
			RunE: c.change(func(ctx context.Context, l layout, st *state, _ []string) error { return heal(ctx, l, st) })},
		&cobra.Command{Use: "lose PERCENT", Short: "lose some of the packets, each way", Args: cobra.ExactArgs(1),
			RunE: c.change(func(ctx context.Context, _ layout, st *state, args []string) error {
				percent, err := strconv.Atoi(args[0])
				if err != nil || percent < 1 || percent > 99 {
					return fmt.Errorf("lose %q: want 1 to 99 percent", args[0])
				}
				return lose(ctx, st, percent)
			})},
		&cobra.Command{Use: "slow KILOBITS", Short: "let so many kilobits a second through, each way", Args: cobra.ExactArgs(1),
			RunE: c.change(func(ctx context.Context, l layout, st *state, args []string) error {
				kilobits, err := strconv.Atoi(args[0])
				if err != nil || kilobits < 1 {
					return fmt.Errorf("slow %q: want kilobits a second", args[0])
				}
				return slow(ctx, l, st, kilobits)
			})},
		&cobra.Command{Use: "unplug NODE", Short: "take a node off the network: node2, say", Args: cobra.ExactArgs(1),
			RunE: c.change(func(ctx context.Context, _ layout, st *state, args []string) error { return unplug(ctx, st, args[0]) })},
		&cobra.Command{Use: "delay MILLISECONDS", Short: "make round trips longer", Args: cobra.ExactArgs(1),
			RunE: c.change(func(ctx context.Context, l layout, _ *state, args []string) error {
				ms, err := strconv.Atoi(args[0])
				if err != nil || ms < 0 {
					return fmt.Errorf("delay %q: want milliseconds", args[0])
				}
				return delay(ctx, l, ms)
			})},
	)
	return cmd
}

func (c *cli) user() *cobra.Command {
	var groups []string
	var out string
	cmd := &cobra.Command{Use: "user NAME", Short: "write the kubeconfig of an ordinary user", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringSliceVar(&groups, "group", nil, "a group of the user")
	cmd.Flags().StringVar(&out, "kubeconfig", "", "where to write it")
	_ = cmd.MarkFlagRequired("kubeconfig")
	cmd.RunE = c.run(func(_ context.Context, l layout, args []string) error {
		if _, err := l.load(); err != nil {
			return err
		}
		ca, err := pki.Load(l.pki())
		if err != nil {
			return fmt.Errorf("the cluster's CA: %w", err)
		}
		return ca.Kubeconfig(filepath.Clean(out), l.server(), l.Name, args[0], groups)
	})
	return cmd
}

func imageCommand() *cobra.Command {
	var spec image.Spec
	var out string
	cmd := &cobra.Command{Use: "image", Short: "build an image from local files", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return image.Write(spec, out) }}
	f := cmd.Flags()
	f.StringVar(&spec.Ref, "ref", "", "the image's name and tag")
	f.StringVarP(&out, "out", "o", "", "the tarball to write")
	f.StringVar(&spec.User, "user", "", "UID[:GID]")
	f.StringVar(&spec.WorkDir, "workdir", "", "working folder")
	f.StringArrayVar(&spec.Env, "env", nil, "NAME=value")
	f.StringArrayVar(&spec.Expose, "expose", nil, "port[/protocol]")
	f.StringArrayVar(&spec.Entrypoint, "entrypoint", nil, "one word of the command line")
	f.StringArrayVar(&spec.Files, "file", nil, "SRC:DST[:MODE]; a folder with all that is in it, too; {arch} in SRC is the processor")
	f.StringSliceVar(&spec.Archs, "arch", nil, "processors: amd64, arm64 (default: this machine's)")
	_ = cmd.MarkFlagRequired("ref")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}
