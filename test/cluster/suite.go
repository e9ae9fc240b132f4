package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubetunnel/kubetunnel/engine/private"
)

// User is the ordinary user of a Suite's tests.
const User = "dev"

const (
	// suiteUpTimeout bounds what comes before the tests: the first time, Kubernetes is built.
	suiteUpTimeout   = 20 * time.Minute
	suiteDownTimeout = 2 * time.Minute
)

// Suite is what a package of tests stands on: a cluster, an ordinary user, and a folder
// that goes when they have ended, or with the next run when they are killed.
type Suite struct {
	// Name is the cluster's, unless the environment names another.
	Name string
	// Up are further arguments of `devcluster up`.
	Up []string
	// Prepare is called when the cluster is up.
	Prepare func(ctx context.Context, s *Suite, say func(string)) error
	// Judge, if any, looks at the whole when the tests have ended.
	Judge func(ctx context.Context, passed bool) error

	// World is the cluster, Kubeconfig the ordinary user's; Races are those of the programs that the tests start.
	World      *Cluster
	Kubeconfig string
	Races      Races
}

// Main runs a package's tests, and gives the exit code.
func (s *Suite) Main(m *testing.M) int {
	code, err := s.run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
		code = 1
	}
	return code
}

func (s *Suite) run(m *testing.M) (code int, err error) {
	began := time.Now()
	say := func(text string) { fmt.Printf("%7.1f s  %s\n", time.Since(began).Seconds(), text) }
	folder, err := private.New() // swept when this run is killed
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, folder.Remove()) }()
	if err := s.Races.Open(folder.Path()); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), suiteUpTimeout)
	defer cancel()
	if s.World, err = Up(ctx, Name(s.Name), say, s.Up...); err != nil {
		return 1, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), suiteDownTimeout)
		defer cancel()
		err = errors.Join(err, s.World.Down(end, say))
	}()
	s.Kubeconfig = filepath.Join(folder.Path(), "kubeconfig")
	if err := s.World.User(ctx, User, s.Kubeconfig); err != nil {
		return 1, err
	}
	if err := s.Prepare(ctx, s, say); err != nil {
		return 1, err
	}
	return s.judge(m.Run())
}

// judge looks for races, and for what the suite itself looks for.
func (s *Suite) judge(code int) (int, error) {
	var err error
	if told := s.Races.Take(); told != "" {
		err = errors.New(told)
	}
	if s.Judge != nil {
		ctx, cancel := context.WithTimeout(context.Background(), suiteDownTimeout)
		defer cancel()
		err = errors.Join(err, s.Judge(ctx, code == 0))
	}
	return code, err
}
