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
			WithFix(protocol.Fix{Title: "Ask an admin to grant you this Role", YAML: c.grant(a)})
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
