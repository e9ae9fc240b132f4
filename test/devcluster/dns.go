package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

//go:embed coredns.yaml
var coreDNS string

// startDNS applies CoreDNS, and waits until it answers and pods can be made.
func (r *raiser) startDNS(ctx context.Context) error {
	if err := apply(ctx, r.layout, coreDNS); err != nil {
		return err
	}
	c, err := client(r.layout)
	if err != nil {
		return err
	}
	return host.Poll(ctx, 100*time.Millisecond, func() (pending, fatal error) {
		if err := r.died("apiserver", "controller-manager", "scheduler"); err != nil {
			return nil, err
		}
		if err := dnsReady(ctx, c); err != nil {
			return err, nil
		}
		// Without it no pod can be made in the namespace.
		_, err := c.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err, nil
	})
}

func dnsReady(ctx context.Context, c kubernetes.Interface) error {
	d, err := c.AppsV1().Deployments("kube-system").Get(ctx, "coredns", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("CoreDNS: %w", err)
	}
	if d.Status.AvailableReplicas == 0 {
		return errors.New("CoreDNS is not ready")
	}
	return nil
}

// apply applies YAML documents, as kubectl apply --server-side does.
func apply(ctx context.Context, l layout, documents string) error {
	config, err := clientcmd.BuildConfigFromFlags("", l.kubeconfig())
	if err != nil {
		return err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	groups, err := restmapper.GetAPIGroupResources(disco)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	for _, document := range strings.Split(documents, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			return err
		}
		gvk := object.GroupVersionKind()
		mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			return err
		}
		var resource dynamic.ResourceInterface = dyn.Resource(mapping.Resource)
		if ns := object.GetNamespace(); ns != "" {
			resource = dyn.Resource(mapping.Resource).Namespace(ns)
		}
		if _, err := resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "devcluster", Force: true}); err != nil {
			return fmt.Errorf("%s %s: %w", gvk.Kind, object.GetName(), err)
		}
	}
	return nil
}
