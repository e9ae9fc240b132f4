// Package faults breaks things on a real cluster, under a steady load, and counts
// what failed beside the same fault on an app that nobody debugs. README.md has the
// rows. `make test-e2e` runs the quick form, `make soak` the long one.
package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	user = "dev"
	// upTimeout bounds what comes before the tests: the first time, Kubernetes is built.
	upTimeout   = 20 * time.Minute
	downTimeout = 2 * time.Minute
)

var (
	world      *cluster.Cluster
	kubeconfig string // of the ordinary user
	races      cluster.Races
	// soak: the long form.
	soak = os.Getenv("KUBETUNNEL_SOAK") != ""
)

func TestMain(m *testing.M) {
	if os.Getenv("KUBETUNNEL_E2E") == "" {
		fmt.Println("the fault suite needs a cluster: `make test-e2e` brings one up")
		os.Exit(0)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	began := time.Now()
	say := func(text string) { fmt.Printf("%7.1f s  %s\n", time.Since(began).Seconds(), text) }
	folder, err := private.New() // swept when this run is killed
	if err != nil {
		return 1, err
	}
	dir := folder.Path()
	defer func() { err = errors.Join(err, folder.Remove()) }()
	if err := races.Open(dir); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), upTimeout)
	defer cancel()
	if world, err = cluster.Up(ctx, cluster.Name("kttest"), say, "--nodes", "2"); err != nil {
		return 1, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), downTimeout)
		defer cancel()
		err = errors.Join(err, world.Down(end, say))
	}()
	if err := world.InstallOperator(ctx, say); err != nil {
		return 1, err
	}
	kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := world.User(ctx, user, kubeconfig); err != nil {
		return 1, err
	}
	code = m.Run()
	if told := races.Take(); told != "" {
		err = errors.New(told)
	}
	return code, err
}
