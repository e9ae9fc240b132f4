// Package e2e drives the real tunnel-server, built with the race detector, against
// a real cluster with real debuggers. `make test-e2e` and `make test-debuggers` run it; plain
// `go test ./...` leaves it out, since it needs root and minutes.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
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
	shop       = unique("shop")
	races      cluster.Races
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
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
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
	if world, err = cluster.Up(ctx, cluster.Name("kttest"), say, "--audit"); err != nil {
		return 1, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), downTimeout)
		defer cancel()
		err = errors.Join(err, world.Down(end, say))
	}()
	if err := prepare(ctx, dir, say); err != nil {
		return 1, err
	}
	code = m.Run()
	if told := races.Take(); told != "" {
		err = errors.New(told)
	}
	end, cancel := context.WithTimeout(context.Background(), downTimeout)
	defer cancel()
	return code, errors.Join(err, judgeRights(end, code == 0))
}

// prepare installs the operator and the shop, and makes the ordinary user.
func prepare(ctx context.Context, dir string, say func(string)) error {
	if err := world.InstallOperator(ctx, say); err != nil {
		return err
	}
	if err := world.Shop(ctx, shop); err != nil {
		return err
	}
	say("the shop is open in namespace " + shop)
	if err := world.Grant(ctx, shop, user); err != nil {
		return err
	}
	kubeconfig = filepath.Join(dir, "kubeconfig")
	return world.User(ctx, user, kubeconfig)
}
