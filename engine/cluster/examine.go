package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	apiversion "k8s.io/apimachinery/pkg/version"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// The subjects of an examination, in a diagnostic's field.
const (
	subjectCluster    = "cluster"
	subjectOperator   = "operator"
	subjectPermission = "permission"
	subjectService    = "service"
)

// oldest is the oldest Kubernetes that the operator works with.
var oldest = version.MustParseGeneric("1.30")

// Examine tells whether a session could be had in the target's context and
// namespace: each finding about the subject that its field names. With a Service in
// the target, it is surveyed as well. Findings of severity info are as they should be.
func (k *Kubeconfig) Examine(ctx context.Context, target protocol.Target) []protocol.Diagnostic {
	c, err := k.Connect(target.Context)
	if err != nil {
		return []protocol.Diagnostic{about(subjectCluster, AsDiagnostic(err))}
	}
	return c.examine(ctx, target)
}

func (c *Client) examine(ctx context.Context, target protocol.Target) []protocol.Diagnostic {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	user, err := c.whoAmI(ctx)
	if err != nil {
		return []protocol.Diagnostic{about(subjectCluster, AsDiagnostic(err))}
	}
	found := []protocol.Diagnostic{c.examineVersion(ctx, user)}
	operator, installed := c.examineOperator(ctx)
	found = append(found, operator)
	if target.Namespace == "" {
		target.Namespace = c.namespace
	}
	if target.Service == "" {
		return append(found, c.examineAccess(ctx, target, user))
	}
	for _, d := range c.Diagnose(ctx, target) {
		if d.Code != protocol.CodeOperatorMissing && d.Code != protocol.CodeOperatorNotReady && d.Code != protocol.CodeOperatorVersion {
			found = append(found, about(subjectService, d))
		}
	}
	if installed && found[len(found)-1].Field == subjectOperator {
		found = append(found, fine(subjectService, fmt.Sprintf("%s/%s can be debugged by %s", target.Namespace, target.Service, user)))
	}
	return found
}

func about(subject string, d protocol.Diagnostic) protocol.Diagnostic {
	d.Field = subject
	return d
}

func fine(subject, message string) protocol.Diagnostic {
	return protocol.Diagnostic{Severity: protocol.SeverityInfo, Message: message, Field: subject}
}

// examineVersion asks by REST: the discovery client has no context.
func (c *Client) examineVersion(ctx context.Context, user string) protocol.Diagnostic {
	raw, err := c.kube.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return about(subjectCluster, AsDiagnostic(c.explain(err, access{verb: "get", resource: "/version"})))
	}
	var told apiversion.Info
	if err := json.Unmarshal(raw, &told); err != nil {
		return about(subjectCluster, AsDiagnostic(fmt.Errorf("the version of %s: %w", c.rest.Host, err)))
	}
	found := fine(subjectCluster, fmt.Sprintf("context %s: Kubernetes %s answers at %s; you are %s", c.context, told.GitVersion, c.rest.Host, user))
	if now, err := version.ParseGeneric(told.GitVersion); err == nil && now.LessThan(oldest) {
		found.Severity = protocol.SeverityError
		found.Message += fmt.Sprintf(". KubeTunnel needs %s or newer", oldest)
	}
	return found
}

// examineOperator tells also whether there is one that a session can use.
func (c *Client) examineOperator(ctx context.Context) (d protocol.Diagnostic, installed bool) {
	status, err := c.OperatorStatus(ctx)
	if err != nil {
		return about(subjectOperator, AsDiagnostic(err)), false
	}
	e := operatorProblem(status, false)
	switch {
	case e == nil && status.Version == "":
		return fine(subjectOperator, status.Message), true
	case e == nil:
		return fine(subjectOperator, fmt.Sprintf("version %s in namespace %s", status.Version, status.Namespace)), true
	case e.Code == protocol.CodeOperatorVersion:
		return e.Diagnostic(protocol.SeverityWarning, subjectOperator), true
	}
	return e.Diagnostic(protocol.SeverityError, subjectOperator), false
}

// examineAccess asks for the rights that hold for every Service of the namespace. A user
// with rights on some of them alone may be all right: that is asked with a Service.
func (c *Client) examineAccess(ctx context.Context, target protocol.Target, user string) protocol.Diagnostic {
	ns := target.Namespace
	create := access{verb: "create", group: v1alpha1.GroupName, resource: "intercepts", namespace: ns}
	denied, err := c.deniedOf(ctx, wantedAccess(target))
	if err != nil {
		return about(subjectPermission, AsDiagnostic(err))
	}
	if len(denied) == 0 {
		return fine(subjectPermission, fmt.Sprintf("%s may debug every Service in namespace %s", user, ns))
	}
	fix := protocol.Fix{Title: "Ask an admin to grant you this Role", YAML: grantYAML(user, ns, denied)}
	e := protocol.Errorf(protocol.CodeForbidden, "%s may not %s", user, denied[0]).WithFix(fix)
	for _, a := range denied {
		if a == create {
			if _, err := c.kube.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{}); apierrors.IsNotFound(err) {
				return protocol.Errorf(protocol.CodeNamespaceNotFound, "the cluster of context %q has no namespace %q", c.context, ns).Diagnostic(protocol.SeverityError, subjectPermission)
			}
			return e.Diagnostic(protocol.SeverityError, subjectPermission)
		}
	}
	e = protocol.Errorf(protocol.CodeForbidden, "%s may not %s, for every Service at least; with --service NAME it is looked at for one", user, denied[0]).WithFix(fix)
	return e.Diagnostic(protocol.SeverityWarning, subjectPermission)
}
