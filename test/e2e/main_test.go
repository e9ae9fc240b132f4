// Package e2e drives the real tunnel-server, built with the race detector, against
// a real cluster with real debuggers. `make test-e2e` and `make test-debuggers` run it; plain
// `go test ./...` leaves it out, since it needs root and minutes.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/kubetunnel/kubetunnel/test/cluster"
)

const user = cluster.User

var (
	suite      = &cluster.Suite{Name: "kttest", Up: []string{"--audit"}, Prepare: prepare, Judge: judgeRights}
	world      *cluster.Cluster
	kubeconfig string // of the ordinary user
	shop       = unique("shop")
	// everyRight: what is run uses each of the operator's rights.
	everyRight bool
)

// unique is a namespace's name that no other run has.
func unique(name string) string { return fmt.Sprintf("e2e-%s-%06x", name, rand.IntN(1<<24)) }

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		watchBanner()
		return
	}
	stage := os.Getenv("KUBETUNNEL_E2E")
	if stage == "" {
		fmt.Println("end-to-end tests need a cluster: `make test-e2e` brings one up")
		os.Exit(0)
	}
	choose(stage == "debuggers")
	os.Exit(suite.Main(m))
}

// choose leaves out what is another stage's: the tests of the debuggers, whose names begin
// alike, are one of their own. Who names tests gets what is named.
func choose(debuggers bool) {
	const those = "^TestDebugger"
	flag.Parse()
	whole := !given("test.run") && !given("test.skip")
	var err error
	switch {
	case !whole:
	case debuggers:
		err = flag.Set("test.run", those)
	default:
		err = flag.Set("test.skip", those)
	}
	if err != nil {
		panic(err) // they are flags of package testing
	}
	everyRight = whole && !debuggers
}

func given(name string) bool { return flag.Lookup(name).Value.String() != "" }

// prepare installs the operator and the shop, and lets the ordinary user debug it.
func prepare(ctx context.Context, s *cluster.Suite, say func(string)) error {
	world, kubeconfig = s.World, s.Kubeconfig
	if err := world.InstallOperator(ctx, say); err != nil {
		return err
	}
	if err := world.Shop(ctx, shop); err != nil {
		return err
	}
	say("the shop is open in namespace " + shop)
	return world.Grant(ctx, shop, user)
}
