package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	operatorNamespace = "kubetunnel-system"
	// runLabel is on the namespaces that a run makes, with its name.
	runLabel = "kubetunnel.dev/test-run"
)

// runName is the same for all runs that can't be at the same time.
func (c *Cluster) runName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return c.name + "." + host
}

// takeExisting takes the cluster that KUBECONFIG names, without what a killed run
// has left there, and gives it the images.
func (c *Cluster) takeExisting(ctx context.Context, say func(string)) error {
	c.Kubeconfig = os.Getenv("KUBECONFIG")
	if c.Kubeconfig == "" {
		return errors.New("KUBETUNNEL_TEST_CLUSTER=existing: set KUBECONFIG too")
	}
	if err := c.connect(); err != nil {
		return err
	}
	if err := c.deleteNamespaces(ctx, say); err != nil {
		return err
	}
	_, err := c.Kube.CoreV1().Namespaces().Get(ctx, operatorNamespace, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	c.hadOperator = err == nil
	return c.Load(ctx, say, c.images.tarballs...)
}

// leaveExisting leaves the cluster as it was, but for the version of an operator that was there.
func (c *Cluster) leaveExisting(ctx context.Context, say func(string)) error {
	if c.Kube == nil {
		return nil
	}
	err := c.deleteNamespaces(ctx, say)
	if !c.hadOperator {
		err = errors.Join(err, c.Run(ctx, say, "uninstall"))
	}
	return err
}

func (c *Cluster) deleteNamespaces(ctx context.Context, say func(string)) error {
	namespaces, options := c.Kube.CoreV1().Namespaces(), metav1.ListOptions{LabelSelector: runLabel + "=" + c.runName()}
	list, err := namespaces.List(ctx, options)
	if err != nil {
		return err
	}
	for i := range list.Items {
		name := list.Items[i].Name
		say("deleting namespace " + name)
		if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return Wait(ctx, "the namespaces to go", func() (bool, error) {
		list, err := namespaces.List(ctx, options)
		return err == nil && len(list.Items) == 0, err
	})
}

// loadExisting gives an existing cluster the images by the command that its owner
// names, such as "kind load image-archive". Without one they are there, or in a registry.
func (c *Cluster) loadExisting(ctx context.Context, say func(string), tarballs []string) error {
	loader := strings.Fields(os.Getenv("KUBETUNNEL_TEST_LOAD"))
	if len(loader) == 0 {
		return nil
	}
	for _, path := range tarballs {
		cmd := exec.CommandContext(ctx, loader[0], append(loader[1:len(loader):len(loader)], path)...)
		cmd.Dir = c.Root
		out := Lines(say)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s %s: %w", strings.Join(loader, " "), path, err)
		}
	}
	return nil
}
