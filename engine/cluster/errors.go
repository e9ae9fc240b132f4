package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// access names what was tried, for messages and for the Role that would allow it.
type access struct {
	verb, group, resource string
	namespace, name       string
}

func (a access) String() string {
	resource := a.resource
	if a.group != "" {
		resource += "." + a.group
	}
	s := a.verb + " " + resource
	if a.name != "" {
		s += " " + a.name
	}
	if a.namespace != "" {
		s += " in namespace " + a.namespace
	}
	return s
}

// role is the YAML that an admin can paste to allow it.
func (a access) role() string {
	return roleYAML(a.namespace, []access{a})
}

func roleYAML(namespace string, rules []access) string {
	kind, meta := "ClusterRole", "  name: kubetunnel-access\n"
	if namespace != "" {
		kind, meta = "Role", "  name: kubetunnel-access\n  namespace: "+namespace+"\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n%srules:\n", kind, meta)
	for _, a := range rules {
		fmt.Fprintf(&b, "- apiGroups: [%q]\n  resources: [%q]\n  verbs: [%q]\n", a.group, a.resource, a.verb)
		if a.name != "" {
			fmt.Fprintf(&b, "  resourceNames: [%q]\n", a.name)
		}
	}
	return b.String()
}

// explain turns an API error into a numbered one that says what was tried.
func (c *Client) explain(err error, a access) error {
	var known *protocol.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case apierrors.IsUnauthorized(err):
		return protocol.Errorf(protocol.CodeUnauthorized, "context %q: the cluster does not accept these credentials (tried to %s): %w", c.context, a, err).
			WithFix(protocol.Fix{Title: "Sign in to the cluster again, then retry"})
	case apierrors.IsForbidden(err):
		return protocol.Errorf(protocol.CodeForbidden, "you may not %s (context %q): %w", a, c.context, err).
			WithFix(protocol.Fix{Title: "Ask an admin for this rule", YAML: a.role()})
	case unreachable(err):
		return protocol.Errorf(protocol.CodeClusterUnreachable, "the cluster of context %q does not answer at %s (tried to %s): %w", c.context, c.rest.Host, a, err).
			WithFix(protocol.Fix{Title: "Check that the cluster runs and that VPN and network reach it", Command: "kubectl --context " + c.context + " version"})
	}
	return fmt.Errorf("%s (context %q): %w", a, c.context, err)
}

func unreachable(err error) bool {
	var urlErr *url.Error
	var netErr net.Error
	return errors.As(err, &urlErr) || errors.As(err, &netErr) || errors.Is(err, context.DeadlineExceeded) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err)
}

// statusMessage is the API server's own words, without client-go's frame.
func statusMessage(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return messageOf(status.Status())
	}
	return err.Error()
}

func messageOf(s metav1.Status) string {
	if s.Details != nil {
		for _, cause := range s.Details.Causes {
			if cause.Message != "" && !strings.Contains(s.Message, cause.Message) {
				return s.Message + ": " + cause.Message
			}
		}
	}
	return s.Message
}
