package faults

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubetunnel/kubetunnel/protocol"
	"github.com/kubetunnel/kubetunnel/test/cluster"
)

// The dev cluster's nodes: the second one can be taken off the network.
const (
	steady = "node1"
	doomed = "node2"
)

// What happens to the node that the agent is on.
func nodeRows() []*row {
	return []*row{
		// Kubernetes takes the node for lost after a while, so that the lease must be longer.
		{name: "the agent's node gone", play: loseNode, harms: true, lease: 300, last: 5 * time.Minute,
			nodes: map[string]string{"load": steady, app: steady, bare: doomed}},
	}
}

// loseNode takes the agent's node off the network: the origin serves, until there is an
// agent on another node. The control's pod is on the lost one.
func loseNode(s *stage) {
	s.operatorsAt(steady)
	s.cordon(steady, true)
	s.live("node", app)
	s.cordon(steady, false)
	if at := s.agentPods()[0].Spec.NodeName; at != doomed {
		s.t.Fatalf("the agent is on %s", at)
	}
	s.mark(pinned)
	s.healed()
	s.fault("net", "unplug", doomed)
	s.done()
	s.waitServed(app, true)
	s.waitState("node", protocol.StateReconnecting)
	s.waitState("node", protocol.StateLive)
	s.waitServed(app, false)
	s.stop("node")
	s.fault("net", "heal")
}

// cordon keeps new pods from a node, until it is taken back or the row ends.
func (s *stage) cordon(node string, closed bool) {
	s.t.Helper()
	patch := func(closed string) error {
		ctx, cancel := detached(s.ctx)
		defer cancel()
		_, err := world.Kube.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, []byte(`{"spec":{"unschedulable":`+closed+`}}`), metav1.PatchOptions{})
		return err
	}
	if !closed {
		s.must(patch("false"))
		return
	}
	s.t.Cleanup(func() {
		if err := patch("false"); err != nil {
			s.t.Errorf("open %s for pods again: %v", node, err)
		}
	})
	s.must(patch("true"))
}

// operatorsAt moves the operators to a node: a leader that goes with the agent is another fault.
func (s *stage) operatorsAt(node string) {
	s.t.Helper()
	other := map[string]string{steady: doomed, doomed: steady}[node]
	s.cordon(other, true)
	for _, p := range s.operatorPods() {
		if p.Spec.NodeName == other {
			s.must(world.Kube.CoreV1().Pods(p.Namespace).Delete(s.ctx, p.Name, metav1.DeleteOptions{}))
		}
	}
	s.must(cluster.Wait(s.ctx, "the operators on "+node, func() (bool, error) {
		pods := s.operatorPods()
		for _, p := range pods {
			if p.Spec.NodeName != node {
				return false, nil
			}
		}
		return len(pods) == s.replicas(), nil
	}))
	s.operators()
	s.cordon(other, false)
}
