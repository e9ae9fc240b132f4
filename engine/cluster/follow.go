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
)

// moment is a point in time of what an editor is told: by which client, a sum of it, and the
// versions of the lists that it is told from ("" = one that the user may not have).
type moment struct {
	by, told string
	versions []string
}

func (m moment) String() string {
	return strings.Join(append([]string{m.by, m.told}, m.versions...), ".")
}

// parseMoment reads a revision; false when there is none, or it is another client's: by
// another kubeconfig its versions would mean another cluster, perhaps.
func (c *Client) parseMoment(revision string, lists int) (m moment, ok bool) {
	parts := strings.Split(revision, ".")
	if len(parts) != 2+lists || parts[0] != c.name {
		return moment{}, false
	}
	return moment{by: parts[0], told: parts[1], versions: parts[2:]}, true
}

const sumLength = 16

// sumOf stands for what is told, which is of plain structs.
func sumOf(told any) string {
	text, err := json.Marshal(told)
	if err != nil {
		text = []byte(err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:sumLength]
}

// watched is a list whose changes are waited for.
type watched struct {
	access
	open func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// follow takes what is to be told; when unless is the revision of a former answer, it waits
// until there is something else. It gives the revision.
func follow(ctx context.Context, c *Client, unless string, lists []watched, take func(context.Context) (moment, error)) (string, error) {
	former, known := c.parseMoment(unless, len(lists))
	for gather := firstGather; ; gather = min(2*gather, lastGather) {
		if known {
			if err := c.changed(ctx, lists, former, gather); err != nil {
				return "", err
			}
		}
		now, err := take(ctx)
		now.by = c.name
		if err != nil || !known || now.told != former.told || c.isStale() {
			return now.String(), err
		}
		former = now
	}
}

// Changes are gathered for some time, since few come alone: for longer each time that
// they made no difference, so that a busy namespace is not listed all the time.
const (
	firstGather = 200 * time.Millisecond
	lastGather  = 5 * time.Second
)

// errChanged ends the watches of changed.
var errChanged = errors.New("changed")

// changed waits until one of some lists may be another one than at a moment, and gathers
// changes for so long. Its goroutines, one for each watch, end before it returns.
func (c *Client) changed(ctx context.Context, lists []watched, since moment, gather time.Duration) error {
	group, watching := errgroup.WithContext(ctx)
	for i, list := range lists {
		if since.versions[i] != "" {
			group.Go(func() error { return c.awaitChange(watching, list, since.versions[i]) })
		}
	}
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
	return pause(ctx, gather)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// awaitChange gives errChanged when a list may be another one than that of a version.
func (c *Client) awaitChange(ctx context.Context, list watched, version string) error {
	w, err := list.open(ctx, metav1.ListOptions{ResourceVersion: version})
	if err != nil {
		return c.cantFollow(ctx, err, list.access)
	}
	defer w.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ResultChan(): // also its end: who knows what comes after it
		return errChanged
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
