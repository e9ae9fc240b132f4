package controller

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"go4.org/netipx"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// networksAge is how long the ranges are believed: nodes come and go, ranges hardly.
	networksAge = 5 * time.Minute
	// maxNetworks bounds what an Intercept's status carries. More than these can't be
	// told, and the engine goes by what it finds out itself.
	maxNetworks = 64
	// nodePage is how many nodes are read at a time.
	nodePage = 500
)

// networks finds out the ranges of Services (KEP-1880, ServiceCIDR) and pods (the
// nodes' podCIDRs), so that an engine knows the cluster's addresses from its own
// network's. Both may be missing: older clusters have no ServiceCIDR, some networks
// give nodes no range, and an operator of few namespaces may not read either.
type networks struct {
	live client.Reader
	log  *slog.Logger

	mu    sync.Mutex
	known []string
	until time.Time
}

// at gives the ranges, most of the time from memory.
func (n *networks) at(ctx context.Context, now time.Time) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Before(n.until) {
		return n.known
	}
	found, err := n.find(ctx)
	if err != nil {
		// It is no reason to keep a session waiting.
		n.log.Warn("the ranges of Services and pods can't be found out", "error", err)
		n.until = now.Add(10 * time.Second)
		return n.known
	}
	n.known, n.until = found, now.Add(networksAge)
	return n.known
}

func (n *networks) find(ctx context.Context) ([]string, error) {
	var set netipx.IPSetBuilder
	add := func(texts ...string) {
		for _, text := range texts {
			if p, err := netip.ParsePrefix(text); err == nil {
				set.AddPrefix(p.Masked())
			}
		}
	}
	services := &networkingv1.ServiceCIDRList{}
	if err := n.live.List(ctx, services); absent(err) != nil {
		return nil, fmt.Errorf("list ServiceCIDRs: %w", err)
	}
	for i := range services.Items {
		add(services.Items[i].Spec.CIDRs...)
	}
	for page := ""; ; {
		nodes := &corev1.NodeList{}
		if err := n.live.List(ctx, nodes, client.Limit(nodePage), client.Continue(page)); absent(err) != nil {
			return nil, fmt.Errorf("list nodes: %w", err)
		}
		for i := range nodes.Items {
			add(nodes.Items[i].Spec.PodCIDRs...)
		}
		if page = nodes.Continue; page == "" {
			break
		}
	}
	all, err := set.IPSet() // neighbouring ranges of nodes become one
	if err != nil {
		return nil, err
	}
	prefixes := all.Prefixes()
	if len(prefixes) > maxNetworks {
		return nil, fmt.Errorf("there are %d of them, %d can be told", len(prefixes), maxNetworks)
	}
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return texts, nil
}

// absent takes what this cluster does not have, or does not let us see, for nothing.
func absent(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil
	}
	return err
}
