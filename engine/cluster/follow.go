package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubetunnel/kubetunnel/operator/api/v1alpha1"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// moment is a point in time of a namespace: the versions of the lists that its Services
// are told from ("" = one that the user may not have), and a sum of what was told.
type moment struct{ told, services, pods, intercepts string }

func (m moment) String() string {
	return strings.Join([]string{m.told, m.services, m.pods, m.intercepts}, ".")
}

// parseMoment reads a revision; false when there is none, or it is another program's.
func parseMoment(revision string) (m moment, ok bool) {
	parts := strings.Split(revision, ".")
	if len(parts) != 4 || parts[1] == "" {
		return moment{}, false
	}
	return moment{told: parts[0], services: parts[1], pods: parts[2], intercepts: parts[3]}, true
}

// sumOf stands for what is told of Services, but for what changes with time alone.
func sumOf(services []protocol.Service) string {
	timeless := make([]protocol.Service, len(services))
	for i, s := range services {
		if s.Intercept != nil {
			intercept := *s.Intercept
			intercept.AgeSeconds, intercept.LeaseLeftSeconds = 0, 0
			s.Intercept = &intercept
		}
		timeless[i] = s
	}
	text, err := json.Marshal(timeless)
	if err != nil {
		return err.Error() // of plain structs: it does not happen
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Changes are gathered for some time, since few come alone: for longer each time that
// they made no difference, so that a busy namespace is not listed all the time.
const (
	firstGather = 200 * time.Millisecond
	lastGather  = 5 * time.Second
)

// errChanged ends the watches of changed.
var errChanged = errors.New("changed")

// changed waits until one of the lists of a namespace may be another one than at a
// moment, and gathers changes for so long. Its goroutines, one for each watch, end before
// it returns.
func (c *Client) changed(ctx context.Context, namespace string, since moment, gather time.Duration) error {
	group, watching := errgroup.WithContext(ctx)
	follow := func(version string, a access, open func(context.Context, metav1.ListOptions) (watch.Interface, error)) {
		if version == "" {
			return
		}
		group.Go(func() error {
			w, err := open(watching, metav1.ListOptions{ResourceVersion: version})
			if err != nil {
				return c.cantFollow(watching, err, a)
			}
			defer w.Stop()
			select {
			case <-watching.Done():
				return watching.Err()
			case <-w.ResultChan(): // also its end: who knows what comes after it
				return errChanged
			}
		})
	}
	follow(since.services, access{verb: "watch", resource: "services", namespace: namespace}, func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
		o.LabelSelector = theirs.LabelSelector
		return c.kube.CoreV1().Services(namespace).Watch(ctx, o)
	})
	follow(since.pods, access{verb: "watch", resource: "pods", namespace: namespace}, c.kube.CoreV1().Pods(namespace).Watch)
	follow(since.intercepts, access{verb: "watch", group: v1alpha1.GroupName, resource: "intercepts", namespace: namespace}, c.intercepts(namespace).Watch)
	group.Go(func() error {
		select {
		case <-watching.Done():
			return watching.Err()
		case <-c.stale:
			return errChanged
		}
	})
	if err := group.Wait(); !errors.Is(err, errChanged) {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(gather):
		return nil
	}
}

// cantFollow tells why there is no watch. A version that the cluster does not have any
// more, or never had, is a change.
func (c *Client) cantFollow(ctx context.Context, err error, a access) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err), apierrors.IsTimeout(err), apierrors.IsBadRequest(err), apierrors.IsInvalid(err):
		return errChanged
	}
	return c.explain(err, a)
}

// isStale tells whether the kubeconfig has changed since.
func (c *Client) isStale() bool {
	select {
	case <-c.stale:
		return true
	default:
		return false
	}
}
