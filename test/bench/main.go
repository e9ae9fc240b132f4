// Command bench measures a session from launch to end on a real cluster, each
// figure beside what the platform or the plain tool takes in the same run, and
// writes build/bench.json. Without --kubeconfig it brings a cluster up and takes
// it down again; an existing one (KUBETUNNEL_TEST_CLUSTER=existing says so too)
// is given the images as test/cluster says, or has them.
//
// It imports protocol, server/servertest, test/cluster and client-go; and, for what a
// sandbox adds to the tunnel, the engine's rooms.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/test/cluster"
	"github.com/kubetunnel/kubetunnel/test/results"
)

const (
	// namespace is the measurements' own; user an ordinary developer.
	namespace = "bench"
	user      = "ann"
	// limit bounds a run.
	limit = 20 * time.Minute
	// endLimit bounds the taking down.
	endLimit = 2 * time.Minute
)

type options struct {
	kubeconfig, server, out, name string
	keep                          bool
	rounds, seconds               int
	megabytes                     int64
	connections                   int
	only                          string
}

func main() {
	// This program has sandboxes, and runs in them.
	sandbox.MaybeRunInit()
	if what := os.Getenv(insideVariable); what != "" {
		os.Exit(runInside(what))
	}
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "an existing cluster; empty: bring one up")
	flag.StringVar(&o.server, "server", "", "tunnel-server; empty: bin/tunnel-server")
	flag.StringVar(&o.out, "out", "", "where to write; empty: build/bench.json")
	flag.StringVar(&o.name, "name", cluster.Name("ktbench"), "name of the cluster that is brought up")
	flag.BoolVar(&o.keep, "keep", false, "leave the cluster up")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each is measured; medians are told")
	flag.IntVar(&o.seconds, "seconds", 3, "length of each measurement of requests")
	flag.Int64Var(&o.megabytes, "megabytes", 200, "size of each measurement of bulk")
	flag.IntVar(&o.connections, "connections", 100_000, "how many connections leave a sandbox before it is looked at for leaks")
	flag.StringVar(&o.only, "only", "", "measure one part: launches, traffic, sandbox or debugger; empty: all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func say(line string) { fmt.Fprintln(os.Stderr, "  "+line) }

func run(ctx context.Context, o options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, known := parts[o.only]; !known {
		return fmt.Errorf("there is no part %q: write one of launches, traffic, sandbox, debugger", o.only)
	}
	if o.kubeconfig != "" {
		if err := errors.Join(os.Setenv("KUBETUNNEL_TEST_CLUSTER", "existing"), os.Setenv("KUBECONFIG", o.kubeconfig)); err != nil {
			return err
		}
	}
	if err := buildTarget(ctx); err != nil {
		return err
	}
	c, err := cluster.Up(ctx, o.name, say)
	if err != nil {
		return err
	}
	if o.server != "" {
		c.Server = o.server
	}
	if o.out == "" {
		o.out = filepath.Join(c.Root, "build", "bench.json")
	}
	defer func() {
		if !o.keep {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
			defer cancel()
			err = errors.Join(err, c.Down(end, say))
		}
	}()
	b := &bench{options: o, cluster: c, report: &report{Machine: machine()}}
	if err := b.run(ctx); err != nil {
		return err
	}
	b.report.print(os.Stdout, parts[o.only].rows)
	return results.Write(o.out, b.report)
}
