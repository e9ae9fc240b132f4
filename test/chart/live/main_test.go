// Package live installs the chart by the real Helm in a real cluster, and intercepts a
// Service by the real tunnel-server meanwhile. `make test-chart` runs it; plain `go test ./...`
// leaves it out, since it needs root and minutes.
package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/test/chart/helm"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	user = "dev"
	// upTimeout bounds what comes before the tests: the first time, Kubernetes is built.
	upTimeout   = 20 * time.Minute
	downTimeout = 2 * time.Minute
	testTimeout = 4 * time.Minute
)

var (
	world      *cluster.Cluster
	kubeconfig string // of the ordinary user
	shop       = fmt.Sprintf("chart-shop-%06x", rand.IntN(1<<24))
)

func TestMain(m *testing.M) {
	if os.Getenv("KUBETUNNEL_CHART") == "" {
		fmt.Println("the chart's tests need a cluster: `make test-chart` brings one up")
		os.Exit(0)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
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
	defer func() { err = errors.Join(err, folder.Remove()) }()
	ctx, cancel := context.WithTimeout(context.Background(), upTimeout)
	defer cancel()
	if world, err = cluster.Up(ctx, cluster.Name("ktchart"), say); err != nil {
		return 1, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), downTimeout)
		defer cancel()
		err = errors.Join(err, world.Down(end, say))
	}()
	if err := world.Shop(ctx, shop); err != nil {
		return 1, err
	}
	// As the chart's README says.
	if err := world.Namespace(ctx, helm.Namespace); err != nil {
		return 1, err
	}
	kubeconfig = filepath.Join(folder.Path(), "kubeconfig")
	if err := world.User(ctx, user, kubeconfig); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}
