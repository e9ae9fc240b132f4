// Command stage is the stage of tests that are not written in Go, those of editors: it
// brings a cluster with the operator and the shop up, runs a command, and takes all of it
// away. -with adds services in other languages to the shop, such as stock. The command asks it for what happens in the cluster by HTTP on a Unix socket, which the variable
// KUBETUNNEL_STAGE names:
//
//	GET  /call?url=…       what a client in the cluster is answered
//	GET  /same?service=…   whether a Service is as it was before the command, 409 when not
//	GET  /left             what there is of the operator's in the shop's namespace
//	PUT  /apply            applies the request's body as the admin
//	PUT  /full             the namespace has no room for an agent, until DELETE /full
//	PUT  /held             no node takes new pods
//	PUT  /denied           the developer has no right
//	PUT  /silent           no operator runs
//	PUT  /bare             the operator is not installed
//	PUT  /another          there is a namespace "another"
//	PUT  /cut              nothing passes between the cluster and here
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	namespace = "shop"
	user      = "dev"
	// endLimit bounds the taking down, patience what the command gets to end.
	endLimit = 2 * time.Minute
	patience = 20 * time.Second
)

func main() {
	name := flag.String("name", cluster.Name("ktstage"), "the cluster's name")
	with := flag.String("with", "", "services to add to the shop, with commas between them: reviews, recommendations, stock")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *name, strings.FieldsFunc(*with, func(r rune) bool { return r == ',' }), flag.Args())
	stop()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(1) // it has told why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, with, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("name the command to run")
	}
	folder, err := private.New() // swept when this run is killed
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Remove()) }()
	say := func(line string) { fmt.Fprintln(os.Stderr, "  "+line) }
	c, err := cluster.Up(ctx, name, say)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
		defer cancel()
		err = errors.Join(err, c.Down(end, say))
	}()
	kubeconfig, admins := filepath.Join(folder.Path(), "kubeconfig"), filepath.Join(folder.Path(), "admin")
	if err := prepare(ctx, c, with, kubeconfig, say); err != nil {
		return err
	}
	if err := inNamespace(c.Kubeconfig, admins); err != nil {
		return err
	}
	stage, err := newStage(ctx, c, with, filepath.Join(folder.Path(), "stage"), say)
	if err != nil {
		return err
	}
	defer stage.close()

	image, _ := c.OperatorImage()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	cmd.Env = append(os.Environ(), "KUBETUNNEL_STAGE="+stage.path, "KUBECONFIG="+kubeconfig, "KUBETUNNEL_SERVER="+c.Server, "KUBETUNNEL_ROOT_FOLDER="+c.Root,
		"KUBETUNNEL_ADMIN_KUBECONFIG="+admins, "KUBETUNNEL_OPERATOR_IMAGE="+image)
	return cmd.Run()
}

// prepare puts the operator and the shop into the cluster, and lets a developer debug it.
func prepare(ctx context.Context, c *cluster.Cluster, with []string, kubeconfig string, say func(string)) error {
	if err := c.InstallOperator(ctx, say); err != nil {
		return err
	}
	if err := c.Shop(ctx, namespace); err != nil {
		return err
	}
	if len(with) > 0 {
		if err := c.Languages(ctx, namespace, say, with...); err != nil {
			return err
		}
	}
	if err := c.Grant(ctx, namespace, user); err != nil {
		return err
	}
	if err := c.User(ctx, user, kubeconfig); err != nil {
		return err
	}
	return inNamespace(kubeconfig, kubeconfig)
}
