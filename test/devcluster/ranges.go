package main

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// giveRanges writes the ranges of their pods into the nodes that are there, as a
// controller-manager does that picks them itself.
func (r *raiser) giveRanges(ctx context.Context, c kubernetes.Interface) error {
	nodes, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the nodes: %w", err)
	}
	for i := range nodes.Items {
		node := &nodes.Items[i]
		for n := 1; n <= r.state.Nodes; n++ {
			if node.Name != nodeName(n) || node.Spec.PodCIDR != "" {
				continue
			}
			node.Spec.PodCIDRs = strings.Split(r.both(podRangeOf(n), podRange6Of(n)), ",")
			node.Spec.PodCIDR = node.Spec.PodCIDRs[0]
			if _, err := c.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{}); err != nil {
				return fmt.Errorf("the ranges of %s: %w", node.Name, err)
			}
		}
	}
	return nil
}
