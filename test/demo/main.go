// Command demo shows the product on a real cluster, from nothing to nothing: it
// plays an editor that debugs the shop's cart service with Delve, while a client
// in the cluster calls the shop. It exits with 0 only if every step was true.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	clusterName = "kubetunnel"
	namespace   = "shop"
	user        = "dev"
)

func main() {
	keep := flag.Bool("keep", false, "leave the cluster up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *keep)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo did not come true: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, keep bool) (err error) {
	show := newScreen()
	show.title("A cluster")
	show.text("A real Kubernetes on this machine, in namespaces of its own. The first time it is built, which takes minutes.")
	c, err := cluster.Up(ctx, clusterName, show.detail)
	if err != nil {
		return err
	}
	defer func() {
		if keep {
			show.next(c)
			return
		}
		show.title("Taking the cluster down")
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, c.Down(end, show.detail))
		if err == nil {
			show.done("nothing is left of it")
		}
	}()
	p := &play{cluster: c, show: show}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return p.run(ctx)
}
