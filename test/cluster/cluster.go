// Package cluster brings up what the demo, the end-to-end tests and the
// measurements run on: a real cluster with the operator and the shop. It knows
// Kubernetes and the project's own commands, and nothing of the engine.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// downTimeout bounds what taking a cluster down may take.
const downTimeout = 2 * time.Minute

// Cluster is a cluster that is up.
type Cluster struct {
	// Kubeconfig is the admin's.
	Kubeconfig string
	Kube       kubernetes.Interface
	Rest       *rest.Config
	// Server is the path of tunnel-server, Root the project's folder.
	Server, Root string

	images images
	own    bool
	name   string
	// hadOperator: an existing cluster had an operator before.
	hadOperator bool
}

// Existing tells whether the cluster that KUBECONFIG names is to be used, and none made.
func Existing() bool { return os.Getenv("KUBETUNNEL_TEST_CLUSTER") == "existing" }

// Up brings the cluster up, or takes the existing one, and loads the images. It
// begins by ending what a killed run has left. What it does is told line by line.
// More are flags of `devcluster up`.
func Up(ctx context.Context, name string, say func(string), more ...string) (c *Cluster, err error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	c = &Cluster{Root: root, Server: serverPath(root), name: name, own: !Existing()}
	if err := endLeftovers(say); err != nil {
		return nil, err
	}
	if c.images, err = readImages(filepath.Join(root, "build", "images")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
			defer cancel()
			err = errors.Join(err, c.Down(end, say))
			c = nil
		}
	}()
	if !c.own {
		err = c.takeExisting(ctx, say)
	} else {
		err = c.raise(ctx, say, more...)
	}
	markChildren()
	return c, err
}

// serverPath is where tunnel-server is: the one with the race detector, say.
func serverPath(root string) string {
	if path := os.Getenv("KUBETUNNEL_TEST_SERVER"); path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		return path
	}
	return filepath.Join(root, "bin", "tunnel-server")
}

func (c *Cluster) raise(ctx context.Context, say func(string), more ...string) error {
	// One that an earlier run has left is not taken over: who knows what is in it.
	if err := c.Down(ctx, say); err != nil {
		return err
	}
	out, err := c.devcluster(ctx, say, append([]string{"up"}, more...)...)
	if err != nil {
		return err
	}
	c.Kubeconfig = strings.TrimSpace(out)
	if err := c.connect(); err != nil {
		return err
	}
	return c.Load(ctx, say, c.images.tarballs...)
}

// Load gives the cluster images, as tarballs.
func (c *Cluster) Load(ctx context.Context, say func(string), tarballs ...string) error {
	if !c.own {
		return c.loadExisting(ctx, say, tarballs)
	}
	_, err := c.devcluster(ctx, say, append([]string{"load"}, tarballs...)...)
	return err
}

func (c *Cluster) connect() (err error) {
	if c.Rest, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return fmt.Errorf("kubeconfig %s: %w", c.Kubeconfig, err)
	}
	c.Rest.QPS = -1
	c.Kube, err = kubernetes.NewForConfig(c.Rest)
	return err
}

// Down takes down what Up brought up.
func (c *Cluster) Down(ctx context.Context, say func(string)) error {
	if !c.own {
		return c.leaveExisting(ctx, say)
	}
	_, err := c.devcluster(ctx, say, "down")
	return err
}

// findRoot finds the project's folder, above the working folder.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "test", "devcluster", "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("the project's folder was not found above the working folder")
		}
		dir = filepath.Dir(dir)
	}
}
