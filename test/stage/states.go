package main

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// state is one that a cluster can be in, from begin to end.
type state struct{ begin, end func(context.Context) error }

// states are those that a session can't be started in, or not at once, and one with more to see.
func (s *stage) states() map[string]state {
	return map[string]state{
		"full":    {s.fill, s.empty},
		"held":    {s.cordon(true), s.cordon(false)},
		"denied":  {s.deny, func(ctx context.Context) error { return s.cluster.Grant(ctx, namespace, user) }},
		"silent":  {s.operators(0), s.operators(1)},
		"another": {s.addNamespace, s.removeNamespace},
		"bare":    {s.uninstall, func(ctx context.Context) error { return s.cluster.InstallOperator(ctx, s.say) }},
		"cut": {
			func(ctx context.Context) error { return s.cluster.Fault(ctx, "net", "cut") },
			func(ctx context.Context) error { return s.cluster.Fault(ctx, "net", "heal") },
		},
	}
}

// quota leaves no room for another pod.
const quota = `apiVersion: v1
kind: ResourceQuota
metadata: {name: full}
spec:
  hard: {pods: "1"}`

func (s *stage) fill(ctx context.Context) error {
	if err := s.cluster.Apply(ctx, namespace, quota); err != nil {
		return err
	}
	return cluster.Wait(ctx, "the quota to hold", func() (bool, error) {
		q, err := s.cluster.Kube.CoreV1().ResourceQuotas(namespace).Get(ctx, "full", metav1.GetOptions{})
		return err == nil && len(q.Status.Used) > 0, err
	})
}

func (s *stage) empty(ctx context.Context) error {
	return s.cluster.Kube.CoreV1().ResourceQuotas(namespace).Delete(ctx, "full", metav1.DeleteOptions{})
}

const another = "another"

func (s *stage) addNamespace(ctx context.Context) error {
	_, err := s.cluster.Kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: another}}, metav1.CreateOptions{})
	return err
}

func (s *stage) removeNamespace(ctx context.Context) error {
	return s.cluster.Kube.CoreV1().Namespaces().Delete(ctx, another, metav1.DeleteOptions{})
}

// cordon keeps new pods waiting for a node.
func (s *stage) cordon(on bool) func(context.Context) error {
	return func(ctx context.Context) error {
		nodes, err := s.cluster.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, on)
		for i := range nodes.Items {
			if _, err := s.cluster.Kube.CoreV1().Nodes().Patch(ctx, nodes.Items[i].Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
				return err
			}
		}
		return nil
	}
}

// deny takes all rights from the developer.
func (s *stage) deny(ctx context.Context) error {
	bindings := s.cluster.Kube.RbacV1().RoleBindings(namespace)
	list, err := bindings.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		for _, subject := range list.Items[i].Subjects {
			if subject.Name != user {
				continue
			}
			if err := bindings.Delete(ctx, list.Items[i].Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}

// operators asks for so many operators, and waits until it is so.
func (s *stage) operators(n int32) func(context.Context) error {
	return func(ctx context.Context) error {
		deployments := s.cluster.Kube.AppsV1().Deployments(v1alpha1.OperatorNamespace)
		scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.OperatorName, Namespace: v1alpha1.OperatorNamespace}, Spec: autoscalingv1.ScaleSpec{Replicas: n}}
		if _, err := deployments.UpdateScale(ctx, v1alpha1.OperatorName, scale, metav1.UpdateOptions{}); err != nil {
			return err
		}
		if n > 0 {
			return s.cluster.WaitAvailable(ctx, v1alpha1.OperatorNamespace)
		}
		return cluster.Wait(ctx, "the operator to end", func() (bool, error) {
			pods, err := s.cluster.Kube.CoreV1().Pods(v1alpha1.OperatorNamespace).List(ctx, metav1.ListOptions{})
			return err == nil && len(pods.Items) == 0, err
		})
	}
}

func (s *stage) uninstall(ctx context.Context) error {
	return s.cluster.Run(ctx, s.say, "uninstall")
}
