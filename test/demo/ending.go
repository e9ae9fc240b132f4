package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

func (p *play) stop(ctx context.Context) error {
	p.show.title("Stop")
	result, err := p.editor.Server.StopSession(ctx, &protocol.SessionParams{ID: sessionID})
	if err != nil {
		return err
	}
	receipt := result.Session.Receipt
	if result.Session.State != protocol.StateEnded || receipt == nil || !receipt.Restored {
		return fmt.Errorf("the session is %s (%s), receipt %+v", result.Session.State, result.Session.Reason, receipt)
	}
	p.show.done("the Service was back after %d ms; connections served here: %d, of them still open at the end: %d",
		receipt.StopMillis, receipt.Traffic.Connections, receipt.Cut)
	return nil
}

// compare proves that nothing is left of the session.
func (p *play) compare(ctx context.Context) error {
	after, err := p.service(ctx)
	if err != nil {
		return err
	}
	if err := same(p.before, after); err != nil {
		return err
	}
	p.show.done("Service cart equals what it was: spec, metadata and managedFields, all but the resourceVersion")
	var a *answered
	err = cluster.Wait(ctx, "an answer of the origin", func() (bool, error) {
		var err error
		a, err = p.calls.one(ctx)
		return err != nil || !cluster.AtWorkstation(a.Cart.ServedBy), err
	})
	if err != nil {
		return err
	}
	if err := p.calls.failed(); err != nil {
		return err
	}
	p.show.done("the next call is answered by pod %s; no call has failed in all this", a.Cart.ServedBy)
	code, err := p.editor.Quit(ctx)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("tunnel-server ended with code %d", code)
	}
	p.show.done("tunnel-server has ended, with code 0")
	return p.nothingLeft(ctx)
}

// same compares all of a Service but its resourceVersion, which counts writes.
func same(before, after *corev1.Service) error {
	b, a := before.DeepCopy(), after.DeepCopy()
	b.ResourceVersion, a.ResourceVersion = "", ""
	if apiequality.Semantic.DeepEqual(b, a) {
		return nil
	}
	was, err := yaml.Marshal(b)
	if err != nil {
		return err
	}
	is, err := yaml.Marshal(a)
	if err != nil {
		return err
	}
	return fmt.Errorf("the Service is not as it was:\n%s\nand is\n%s", was, is)
}

// nothingLeft waits until the namespace holds nothing of the operator's.
func (p *play) nothingLeft(ctx context.Context) error {
	err := cluster.Wait(ctx, "the agent to go", func() (bool, error) {
		left, err := p.cluster.Left(ctx, namespace)
		return err == nil && len(left) == 0, fmt.Errorf("%v are left, %w", left, err)
	})
	if err != nil {
		return err
	}
	p.show.done("the agent is gone, with all that belonged to it")
	cart, err := p.cluster.Kube.AppsV1().Deployments(namespace).Get(ctx, "cart", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if cart.Generation != 1 {
		return fmt.Errorf("cart's Deployment was edited: generation %d", cart.Generation)
	}
	pods, err := p.cluster.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=cart"})
	if err != nil {
		return err
	}
	for i := range pods.Items {
		for _, s := range pods.Items[i].Status.ContainerStatuses {
			if s.RestartCount > 0 {
				return fmt.Errorf("pod %s was restarted", pods.Items[i].Name)
			}
		}
	}
	p.show.done("cart's Deployment was not edited, its pod not restarted")
	return nil
}
