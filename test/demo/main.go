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
	namespace = "shop"
	user      = "dev"
	// limit bounds the demo on a cluster that is up, endLimit the taking down.
	limit    = 5 * time.Minute
	endLimit = 2 * time.Minute
)

func main() {
	keep := flag.Bool("keep", false, "leave the cluster up")
	name := flag.String("name", cluster.Name("kubetunnel"), "the cluster's name")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	show := newScreen()
	err := run(ctx, show, *name, *keep)
	stop()
	if err != nil {
		show.failed(err)
		os.Exit(1)
	}
	show.end()
}

func run(ctx context.Context, show *screen, name string, keep bool) (err error) {
	show.title("A cluster")
	if cluster.Existing() {
		show.text("The one that KUBECONFIG names.")
	} else {
		show.text("A real Kubernetes on this machine, in namespaces of its own. The first time it is built, which takes minutes.")
	}
	c, err := cluster.Up(ctx, name, show.detail)
	if err != nil {
		return err
	}
	show.done("the cluster is up, and has the images")
	defer func() {
		if keep && err == nil {
			show.next(c)
			return
		}
		if c.Own() {
			show.title("The cluster goes")
		} else {
			show.title("What was made in the cluster goes")
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		defer cancel()
		downErr := c.Down(end, show.detail)
		if downErr == nil && c.Own() {
			show.done("no process, mount, namespace, interface or cgroup is left of it")
		}
		err = errors.Join(err, downErr)
	}()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return newPlay(c, show).run(ctx)
}

// answered is what `web` says.
type answered struct {
	ServedBy string `json:"servedBy"`
	Cart     struct {
		ServedBy string            `json:"servedBy"`
		Total    int               `json:"total"`
		Settings map[string]string `json:"settings"`
	} `json:"cart"`
}

// told is what cart is told in the cluster, and must be told on the workstation too.
var told = []struct{ setting, from, want string }{
	{"currency", "its Deployment", "EUR"},
	{"region", "a ConfigMap", "eu-north"},
	{"token", "a Secret", "13 characters"},
	{"edition", "its image", "harvest"},
	{"banner", "a mounted file", "Three for two on apples today"},
	{"identity", "its token", "system:serviceaccount:shop:default"},
}

// line is one thing that was read, for people.
func line(from, value string) string { return fmt.Sprintf("%-15s %s", from, value) }
