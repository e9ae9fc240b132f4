// Command parity asks a probe what it finds around itself, once in a real pod and once
// in a session on that pod's Service, as root and as an ordinary user, and tells every
// difference. README.md has the table of those that are meant, each with its reason;
// any other one fails the run, and so does one of the table that is not there any more.
//
// It imports test/cluster and client-go.
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

	"github.com/kubetunnel/kubetunnel/test/cluster"
	"github.com/kubetunnel/kubetunnel/test/results"
)

const (
	// limit bounds a run.
	limit = 15 * time.Minute
	// endLimit bounds the taking down.
	endLimit = 2 * time.Minute
)

type options struct {
	name, out string
	keep, all bool
}

func main() {
	var o options
	flag.StringVar(&o.name, "name", cluster.Name("ktparity"), "name of the cluster that is brought up")
	flag.StringVar(&o.out, "out", filepath.Join("build", "parity.json"), "where to write")
	flag.BoolVar(&o.keep, "keep", false, "leave the cluster up")
	flag.BoolVar(&o.all, "all", false, "tell every question, not only those that differ")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func say(line string) { fmt.Fprintln(os.Stderr, "  "+line) }

func run(ctx context.Context, o options) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	meant, err := readMeant(filepath.Join("test", "parity", "README.md"))
	if err != nil {
		return err
	}
	image, err := readImage(filepath.Join("build", "parity"))
	if err != nil {
		return err
	}
	c, err := cluster.Up(ctx, o.name, say)
	if err != nil {
		return err
	}
	defer func() {
		if !o.keep {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
			defer cancel()
			err = errors.Join(err, c.Down(end, say))
		}
	}()
	w := &world{cluster: c, image: image, probes: image.probes()}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	answers, err := w.askAll(ctx)
	if err != nil {
		return err
	}
	r := compare(answers, meant, c.Own() && !w.narrow)
	r.print(os.Stdout, o.all)
	if err := results.Write(o.out, r); err != nil {
		return err
	}
	return r.verdict()
}
