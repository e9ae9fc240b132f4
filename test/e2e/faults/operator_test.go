package faults

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// What happens to our own half in the cluster.
func operatorRows() []*row {
	return []*row{
		{name: "operator killed", play: killOperator},
		{name: "operator upgraded", play: upgradeOperator},
		{name: "operator uninstalled", play: uninstallOperator, recovers: true},
		{name: "operator away, and revert", play: revertAlone, lease: protocol.MinLeaseSeconds, recovers: true},
		{name: "agent pod deleted", play: func(s *stage) { deleteAgent(s, nil) }},
		{name: "agent's Deployment deleted", play: deleteAgentDeployment},
		{name: "agent pod killed", play: func(s *stage) { deleteAgent(s, new(int64)) }, harms: true},
		{name: "agent pod killed, with standby", play: func(s *stage) { deleteAgent(s, new(int64)) }, standby: true},
		{name: "agent pod killed while there is no operator", play: killAgentAlone, harms: true, recovers: true},
		{name: "agent pod killed while there is no operator, with standby", play: killAgentAlone, recovers: true, standby: true},
		{name: "everything killed, then the operator back", play: killEverything, lease: protocol.MinLeaseSeconds, harms: true, recovers: true},
		{name: "everything killed, then the operator back, with standby", play: killEverything, lease: protocol.MinLeaseSeconds, recovers: true, standby: true},
	}
}

const (
	operatorNamespace, operatorName = v1alpha1.OperatorNamespace, v1alpha1.OperatorName
)

func (s *stage) operatorPods() []corev1.Pod {
	s.t.Helper()
	list, err := world.Kube.CoreV1().Pods(operatorNamespace).List(s.ctx, metav1.ListOptions{})
	s.must(err)
	return list.Items
}

// killPods ends pods without a word: their processes get SIGKILL.
func (s *stage) killPods(pods []corev1.Pod) {
	s.t.Helper()
	if len(pods) == 0 {
		s.t.Fatal("no pods to kill")
	}
	for _, p := range pods {
		err := world.Kube.CoreV1().Pods(p.Namespace).Delete(s.ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
		if !apierrors.IsNotFound(err) { // it was on its way out, and is gone
			s.must(err)
		}
	}
}

func (s *stage) patchOperator(patch string) {
	s.t.Helper()
	_, err := world.Kube.AppsV1().Deployments(operatorNamespace).Patch(s.ctx, operatorName, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	s.must(err)
}

// replicas is how many operators are wanted.
func (s *stage) replicas() int {
	s.t.Helper()
	d, err := world.Kube.AppsV1().Deployments(operatorNamespace).Get(s.ctx, operatorName, metav1.GetOptions{})
	s.must(err)
	if d.Spec.Replicas == nil {
		return 1
	}
	return int(*d.Spec.Replicas)
}

// scaleOperator asks for so many operators.
func (s *stage) scaleOperator(n int) {
	s.t.Helper()
	s.patchOperator(fmt.Sprintf(`{"spec":{"replicas":%d}}`, n))
}

// operators waits until as many operators run as are wanted, and no others.
func (s *stage) operators() {
	s.t.Helper()
	n := s.replicas()
	if n > 0 {
		s.must(world.WaitAvailable(s.ctx, operatorNamespace))
	}
	s.must(cluster.Wait(s.ctx, fmt.Sprint(n, " operators"), func() (bool, error) {
		pods := s.operatorPods()
		return len(pods) == n, fmt.Errorf("there are %d", len(pods))
	}))
}

// letStandBy does what the chart's value of that name does, until the row ends.
func (s *stage) letStandBy() {
	s.t.Helper()
	s.backOperator()
	right := `[{"op":"add","path":"/rules/-","value":{"apiGroups":["discovery.k8s.io"],"resources":["endpointslices"],"verbs":["create","update","delete"]}}]`
	_, err := world.Kube.RbacV1().ClusterRoles().Patch(s.ctx, operatorName, types.JSONPatchType, []byte(right), metav1.PatchOptions{})
	s.must(err)
	flag := `[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--standby"}]`
	_, err = world.Kube.AppsV1().Deployments(operatorNamespace).Patch(s.ctx, operatorName, types.JSONPatchType, []byte(flag), metav1.PatchOptions{})
	s.must(err)
	s.operators()
}

// backOperator brings the operator back when the row ends, however it ends.
func (s *stage) backOperator() {
	s.t.Cleanup(func() {
		ctx, cancel := detached(s.ctx)
		defer cancel()
		if err := world.InstallOperator(ctx, func(string) {}); err != nil {
			s.t.Errorf("install again: %v", err)
		}
	})
}

func killOperator(s *stage) {
	s.live("operator", app)
	s.mark(noExcuse)
	s.killPods(s.operatorPods())
	s.operators()
	s.waitServed(app, false)
	s.stop("operator")
}

// upgradeOperator rolls another operator out.
func upgradeOperator(s *stage) {
	s.live("upgrade", app)
	s.mark(noExcuse)
	s.backOperator()
	s.patchOperator(fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"rolled":%q}}}}}`, s.namespace))
	s.operators()
	s.waitServed(app, false)
	s.waitState("upgrade", protocol.StateLive)
	s.stop("upgrade")
}

// uninstallOperator takes everything of ours from the cluster: the Service first.
func uninstallOperator(s *stage) {
	s.live("uninstall", app)
	s.mark(noExcuse)
	s.backOperator()
	s.must(world.Run(s.ctx, func(text string) { s.t.Log(text) }, "uninstall"))
	s.waitServed(app, true)
	s.waitRestored(app)
	s.waitGone("uninstall")
	s.must(world.InstallOperator(s.ctx, func(string) {}))
}

// revertAlone puts the Service back by what is written on it, without an operator.
func revertAlone(s *stage) {
	s.live("revert", app)
	s.backOperator()
	wanted := s.replicas()
	s.scaleOperator(0)
	s.operators()
	s.waitServed(app, false) // the agent goes on
	s.mark(pinned)
	s.must(s.editor.Process().Kill())
	s.done()
	s.waitServed(app, true) // and hands over
	s.must(world.Run(s.ctx, func(text string) { s.t.Log(text) }, "revert", s.namespace+"/"+app))
	s.waitRestored(app)
	s.waitServed(app, true)
	s.scaleOperator(wanted)
	s.operators()
}

func (s *stage) agentPods() []corev1.Pod {
	s.t.Helper()
	list, err := world.Kube.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"})
	s.must(err)
	return list.Items
}

// deleteAgent deletes the agent's pod, and the control's.
func deleteAgent(s *stage, grace *int64) {
	s.live("agent", app)
	controls, err := world.Kube.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: "app=" + bare})
	s.must(err)
	s.mark(noExcuse)
	for _, p := range append(controls.Items, s.agentPods()...) {
		s.must(world.Kube.CoreV1().Pods(s.namespace).Delete(s.ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: grace}))
	}
	s.waitState("agent", protocol.StateReconnecting)
	s.waitState("agent", protocol.StateLive)
	s.waitServed(app, false)
	s.stop("agent")
}

// deleteAgentDeployment deletes what the operator has made: it makes it anew, with another key.
func deleteAgentDeployment(s *stage) {
	s.live("deployment", app)
	deployments := world.Kube.AppsV1().Deployments(s.namespace)
	list, err := deployments.List(s.ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=kubetunnel-operator"})
	s.must(err)
	if len(list.Items) != 1 {
		s.t.Fatalf("%d Deployments of the operator's", len(list.Items))
	}
	s.mark(noExcuse)
	s.must(deployments.Delete(s.ctx, list.Items[0].Name, metav1.DeleteOptions{}))
	s.waitState("deployment", protocol.StateReconnecting)
	s.waitState("deployment", protocol.StateLive)
	s.waitServed(app, false)
	s.stop("deployment")
}

// killAgentAlone kills the agent's pod, and the control's, while nobody is there who
// could put the Service back.
func killAgentAlone(s *stage) {
	s.live("alone", app)
	s.backOperator()
	controls, err := world.Kube.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: "app=" + bare})
	s.must(err)
	wanted := s.replicas()
	s.scaleOperator(0)
	s.operators()
	s.waitServed(app, false)
	s.mark(noExcuse)
	s.killPods(append(controls.Items, s.agentPods()...))
	s.waitState("alone", protocol.StateReconnecting)
	s.waitServed(app, true)
	s.scaleOperator(wanted)
	s.operators()
	s.waitState("alone", protocol.StateLive)
	s.waitServed(app, false)
	s.stop("alone")
}

// killEverything kills server, agent and operator, and brings the operator back.
func killEverything(s *stage) {
	s.live("all", app)
	s.mark(pinned)
	s.backOperator()
	controls, err := world.Kube.CoreV1().Pods(s.namespace).List(s.ctx, metav1.ListOptions{LabelSelector: "app=" + bare})
	s.must(err)
	wanted := s.replicas()
	s.scaleOperator(0)
	s.killPods(s.operatorPods())
	s.must(s.editor.Process().Kill())
	s.killPods(append(controls.Items, s.agentPods()...))
	s.done()
	s.pause(of(time.Second, 10*time.Second))
	s.scaleOperator(wanted)
	s.operators()
	s.waitRestored(app)
	s.waitServed(app, true)
}
