package main

import (
	"context"
	"errors"
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

func apiReady(ctx context.Context, l layout) error {
	c, err := client(l)
	if err != nil {
		return err
	}
	return c.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// waitAPI waits until the API server is ready; died ends the wait early.
func waitAPI(ctx context.Context, l layout, died func() error) error {
	return host.Poll(ctx, 50*time.Millisecond, func() (bool, error) {
		if err := died(); err != nil {
			return false, err
		}
		return apiReady(ctx, l) == nil, nil
	})
}

// healthy tells why a cluster can't be used; nil when it can.
func healthy(ctx context.Context, l layout) error {
	st, err := l.load()
	if err != nil {
		return fmt.Errorf("cluster %s is not up", l.Name)
	}
	if !st.Ready {
		return fmt.Errorf("cluster %s is half up", l.Name)
	}
	for name, p := range st.Processes {
		if !p.Alive() {
			return fmt.Errorf("%s does not run; its log is %s", name, l.log(name))
		}
	}
	if err := apiReady(ctx, l); err != nil {
		return fmt.Errorf("the API server is not ready: %w", err)
	}
	return nodesReady(ctx, l, st.Nodes)
}

func nodesReady(ctx context.Context, l layout, want int) error {
	c, err := client(l)
	if err != nil {
		return err
	}
	nodes, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	ready := 0
	for i := range nodes.Items {
		for _, cond := range nodes.Items[i].Status.Conditions {
			if cond.Type == corev1.NodeReady && cond.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	if ready < want {
		return fmt.Errorf("%d of %d nodes are ready", ready, want)
	}
	return nil
}

func (r *raiser) waitNodes(ctx context.Context) error {
	return host.Poll(ctx, 100*time.Millisecond, func() (bool, error) {
		for name := range r.state.Processes {
			if err := r.died(name); err != nil {
				return false, err
			}
		}
		return nodesReady(ctx, r.layout, r.state.Nodes) == nil, nil
	})
}

func waitContainerd(ctx context.Context, d nodeDirs, r *raiser) error {
	return host.Poll(ctx, 50*time.Millisecond, func() (bool, error) {
		if err := r.died(d.component("containerd")); err != nil {
			return false, err
		}
		return host.Run(ctx, "ctr", "--address", d.socket(), "version") == nil, nil
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

func load(ctx context.Context, l layout, paths []string) error {
	st, err := l.load()
	if err != nil {
		return fmt.Errorf("cluster %s is not up: %w", l.Name, errors.Join(err))
	}
	for n := 1; n <= st.Nodes; n++ {
		if err := importImages(ctx, l.node(n), paths); err != nil {
			return err
		}
	}
	return nil
}
