package cluster

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/operator/version"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// OperatorStatus tells which operator the cluster has. A user who may not look
// at its Deployment learns from the served types only that there is one.
func (c *Client) OperatorStatus(ctx context.Context) (*protocol.OperatorStatusResult, error) {
	out := &protocol.OperatorStatusResult{Wanted: version.Version}
	d, err := c.kube.AppsV1().Deployments(v1alpha1.OperatorNamespace).Get(ctx, v1alpha1.OperatorName, metav1.GetOptions{})
	switch {
	case apierrors.IsForbidden(err):
		return c.operatorByTypes(out)
	case apierrors.IsNotFound(err):
		out.Message = "the operator is not installed"
		return out, nil
	case err != nil:
		return nil, c.explain(err, access{verb: "get", group: "apps", resource: "deployments", namespace: v1alpha1.OperatorNamespace, name: v1alpha1.OperatorName})
	}
	describeOperator(d, out)
	return out, nil
}

func (c *Client) operatorByTypes(out *protocol.OperatorStatusResult) (*protocol.OperatorStatusResult, error) {
	_, err := c.kube.Discovery().ServerResourcesForGroupVersion(v1alpha1.GroupName + "/v1alpha1")
	if apierrors.IsNotFound(err) {
		out.Message = "the operator is not installed"
		return out, nil
	}
	if err != nil {
		return nil, c.explain(err, access{verb: "get", resource: "served types"})
	}
	out.Installed, out.Ready, out.Namespace = true, true, v1alpha1.OperatorNamespace
	out.Message = "installed; you may not look at its Deployment, so its version is not known"
	return out, nil
}

func describeOperator(d *appsv1.Deployment, out *protocol.OperatorStatusResult) {
	out.Installed, out.Namespace = true, d.Namespace
	out.Version = d.Labels["app.kubernetes.io/version"]
	if a := d.Annotations["kubetunnel.dev/version"]; a != "" {
		out.Version = a
	}
	if cs := d.Spec.Template.Spec.Containers; len(cs) > 0 {
		out.Image = cs[0].Image
	}
	out.Ready = d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas > 0 && d.Status.AvailableReplicas >= d.Status.UpdatedReplicas && d.Status.Replicas == d.Status.UpdatedReplicas
	if out.Ready {
		return
	}
	out.Message = "its pod is not ready"
	for _, cond := range d.Status.Conditions {
		if cond.Status != "True" && cond.Message != "" {
			out.Message = cond.Message
		}
	}
}

// operatorProblem tells what is wrong with the operator; nil when nothing is.
func operatorProblem(op *protocol.OperatorStatusResult, noType bool) *protocol.Error {
	install := protocol.Fix{Title: "Install the operator", Command: "tunnel-server install", Method: "operator/install"}
	switch {
	case !op.Installed || noType:
		return protocol.Errorf(protocol.CodeOperatorMissing, "the cluster has no KubeTunnel operator").
			On("Deployment", v1alpha1.OperatorNamespace, v1alpha1.OperatorName).WithFix(install)
	case !op.Ready:
		return protocol.Errorf(protocol.CodeOperatorNotReady, "the KubeTunnel operator is not ready: %s", op.Message).
			On("Deployment", v1alpha1.OperatorNamespace, v1alpha1.OperatorName).
			WithFix(protocol.Fix{Title: "Look at its pod", Command: fmt.Sprintf("kubectl -n %s describe pods", v1alpha1.OperatorNamespace)})
	case op.Version != "" && op.Version != op.Wanted:
		return protocol.Errorf(protocol.CodeOperatorVersion, "the cluster's operator is version %s, this is %s", op.Version, op.Wanted).
			On("Deployment", v1alpha1.OperatorNamespace, v1alpha1.OperatorName).
			WithFix(protocol.Fix{Title: "Bring it to this version", Command: "tunnel-server install", Method: "operator/install"})
	}
	return nil
}
