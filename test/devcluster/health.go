package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

func client(l layout) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig())
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.Timeout = 10 * time.Second
	return kubernetes.NewForConfig(config)
}

// healthy tells why a cluster can't be used; nil when it can.
func healthy(ctx context.Context, l layout) error {
	st, err := l.load()
	if err != nil {
		return err
	}
	if !st.Ready {
		return fmt.Errorf("cluster %s is half up", l.Name)
	}
	for name, p := range st.Processes {
		if !p.Alive() {
			return fmt.Errorf("cluster %s: %s does not run; its log is %s", l.Name, name, l.log(name))
		}
	}
	c, err := client(l)
	if err != nil {
		return err
	}
	for _, check := range []func() error{
		func() error { return apiReady(ctx, c) },
		func() error { return nodesReady(ctx, c, st.Nodes) },
		func() error { return dnsReady(ctx, c) },
	} {
		if err := check(); err != nil {
			return fmt.Errorf("cluster %s: %w", l.Name, err)
		}
	}
	return nil
}

func apiReady(ctx context.Context, c kubernetes.Interface) error {
	if err := c.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return fmt.Errorf("the API server is not ready: %w", err)
	}
	return nil
}

// nodeReady tells of each node whether it is ready.
func nodeReady(ctx context.Context, c kubernetes.Interface) (map[string]bool, error) {
	nodes, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	ready := map[string]bool{}
	for i := range nodes.Items {
		ready[nodes.Items[i].Name] = false
		for _, cond := range nodes.Items[i].Status.Conditions {
			if cond.Type == corev1.NodeReady && cond.Status == corev1.ConditionTrue {
				ready[nodes.Items[i].Name] = true
			}
		}
	}
	return ready, nil
}

func nodesReady(ctx context.Context, c kubernetes.Interface, want int) error {
	ready, err := nodeReady(ctx, c)
	if err != nil {
		return err
	}
	for n := 1; n <= want; n++ {
		if !ready[nodeName(n)] {
			return fmt.Errorf("%s is not ready", nodeName(n))
		}
	}
	return nil
}

// waitAPI waits until the API server is ready; died ends the wait early.
func waitAPI(ctx context.Context, l layout, died func() error) error {
	c, err := client(l)
	if err != nil {
		return err
	}
	return host.Poll(ctx, 50*time.Millisecond, func() (pending, fatal error) {
		return apiReady(ctx, c), died()
	})
}

func (r *raiser) waitNodes(ctx context.Context) error {
	c, err := client(r.layout)
	if err != nil {
		return err
	}
	return host.Poll(ctx, 100*time.Millisecond, func() (pending, fatal error) {
		for name := range r.state.Processes {
			if err := r.died(name); err != nil {
				return nil, err
			}
		}
		if err := r.giveRanges(ctx, c); err != nil {
			return err, nil
		}
		return nodesReady(ctx, c, r.state.Nodes), nil
	})
}

func waitContainerd(ctx context.Context, d nodeDirs, died func() error) error {
	return host.Poll(ctx, 50*time.Millisecond, func() (pending, fatal error) {
		return host.Run(ctx, "ctr", "--address", d.socket(), "version"), died()
	})
}

// importImages gives image tarballs to a node's containerd.
func importImages(ctx context.Context, d nodeDirs, paths []string) error {
	for _, path := range paths {
		if err := host.Run(ctx, "ctr", "--address", d.socket(), "-n", "k8s.io", "images", "import", path); err != nil {
			return err
		}
	}
	return nil
}

// load gives image tarballs to every node.
func load(ctx context.Context, l layout, st *state, paths []string) error {
	for n := 1; n <= st.Nodes; n++ {
		if err := importImages(ctx, l.node(n), paths); err != nil {
			return fmt.Errorf("%s: %w", nodeName(n), err)
		}
	}
	return nil
}
