package helm

import (
	"context"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// timeout is `helm --timeout`: it bounds a wait, and each hook.
const timeout = 2 * time.Minute

// Client acts on the release in a cluster, as `helm` does with --wait.
type Client struct {
	config *action.Configuration
}

// Connect takes the cluster of a kubeconfig.
func Connect(kubeconfig string, log func(string)) (*Client, error) {
	flags, namespace := genericclioptions.NewConfigFlags(false), Namespace
	flags.KubeConfig, flags.Namespace = &kubeconfig, &namespace
	c := &Client{config: new(action.Configuration)}
	err := c.config.Init(flags, namespace, "secret", func(format string, args ...any) { log("helm: " + fmt.Sprintf(format, args...)) })
	return c, err
}

// Install is `helm install --wait`; own tells it to take over objects that are not Helm's.
func (c *Client) Install(ctx context.Context, of *chart.Chart, values Values, own bool) (*release.Release, error) {
	install := action.NewInstall(c.config)
	install.ReleaseName, install.Namespace = Release, Namespace
	install.Wait, install.Timeout, install.TakeOwnership = true, timeout, own
	return install.RunWithContext(ctx, of, values)
}

// Upgrade is `helm upgrade --wait`.
func (c *Client) Upgrade(ctx context.Context, of *chart.Chart, values Values) (*release.Release, error) {
	upgrade := action.NewUpgrade(c.config)
	upgrade.Namespace, upgrade.Wait, upgrade.Timeout = Namespace, true, timeout
	return upgrade.RunWithContext(ctx, Release, of, values)
}

// Rollback is `helm rollback --wait`, to the revision before.
func (c *Client) Rollback() error {
	rollback := action.NewRollback(c.config)
	rollback.Wait, rollback.Timeout = true, timeout
	return rollback.Run(Release)
}

// Uninstall is `helm uninstall --wait`.
func (c *Client) Uninstall() error {
	uninstall := action.NewUninstall(c.config)
	uninstall.Wait, uninstall.Timeout = true, timeout
	_, err := uninstall.Run(Release)
	return err
}

// Status is the release's, as Helm remembers it.
func (c *Client) Status() (*release.Release, error) { return action.NewStatus(c.config).Run(Release) }
