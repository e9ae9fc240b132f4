// Package live installs the chart by the real Helm in a real cluster, and intercepts a
// Service by the real tunnel-server meanwhile. `make test-chart` runs it; plain `go test ./...`
// leaves it out, since it needs root and minutes.
package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/test/chart/helm"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const (
	user        = cluster.User
	testTimeout = 4 * time.Minute
)

var (
	suite      = &cluster.Suite{Name: "ktchart", Prepare: prepare}
	world      *cluster.Cluster
	kubeconfig string // of the ordinary user
	shop       = fmt.Sprintf("chart-shop-%06x", rand.IntN(1<<24))
)

func TestMain(m *testing.M) {
	if os.Getenv("KUBETUNNEL_CHART") == "" {
		fmt.Println("the chart's tests need a cluster: `make test-chart` brings one up")
		os.Exit(0)
	}
	os.Exit(suite.Main(m))
}

// prepare opens the shop, and makes the operator's namespace as the chart's README says.
func prepare(ctx context.Context, s *cluster.Suite, _ func(string)) error {
	world, kubeconfig = s.World, s.Kubeconfig
	if err := world.Shop(ctx, shop); err != nil {
		return err
	}
	return world.Namespace(ctx, helm.Namespace)
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}
