// Package e2e drives the real tunnel-server against a real cluster with real
// debuggers. `make test-e2e` runs it; plain `go test ./...` leaves it out, since
// it needs root and minutes.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	clusterName = "kttest"
	shop        = "e2e-shop"
	user        = "dev"
)

var (
	world      *cluster.Cluster
	kubeconfig string // of the ordinary user
)

func TestMain(m *testing.M) {
	if os.Getenv("KUBETUNNEL_E2E") == "" {
		fmt.Println("end-to-end tests need a cluster: `make test-e2e` brings one up")
		os.Exit(0)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	say := func(text string) { fmt.Println("   ", text) }
	dir, err := os.MkdirTemp("", "kubetunnel-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if world, err = cluster.Up(ctx, clusterName, say); err != nil {
		return 1, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if downErr := world.Down(end, say); err == nil {
			err = downErr
		}
	}()
	if err := world.InstallOperator(ctx, say); err != nil {
		return 1, err
	}
	if err := world.Shop(ctx, shop); err != nil {
		return 1, err
	}
	if err := world.Grant(ctx, shop, user); err != nil {
		return 1, err
	}
	kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := world.User(ctx, user, kubeconfig); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
