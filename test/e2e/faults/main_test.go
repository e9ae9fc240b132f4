// Package faults breaks things on a real cluster, under a steady load, and counts
// what failed beside the same fault on an app that nobody debugs. README.md has the
// rows. `make test-faults` runs the quick form, `make soak` the long one.
package faults

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const user = cluster.User

var (
	suite      = &cluster.Suite{Name: "ktfaults", Up: []string{"--nodes", "2"}, Prepare: prepare}
	world      *cluster.Cluster
	kubeconfig string // of the ordinary user
	// soak: the long form.
	soak = os.Getenv("KUBETUNNEL_SOAK") != ""
)

func TestMain(m *testing.M) {
	if os.Getenv("KUBETUNNEL_E2E") == "" {
		fmt.Println("the fault suite needs a cluster: `make test-faults` brings one up")
		os.Exit(0)
	}
	os.Exit(suite.Main(m))
}

func prepare(ctx context.Context, s *cluster.Suite, say func(string)) error {
	world, kubeconfig = s.World, s.Kubeconfig
	return world.InstallOperator(ctx, say)
}
