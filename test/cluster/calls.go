package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// pollPause is between two questions whether something has come true.
const pollPause = 20 * time.Millisecond

// Wait asks until it is true, or ctx ends; the last reason is in the error.
func Wait(ctx context.Context, what string, ask func() (bool, error)) error {
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	for {
		ok, err := ask()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// Call lets the load generator in the cluster call a URL, on a new connection if fresh, and gives the answer.
func (c *Cluster) Call(ctx context.Context, namespace, target string, fresh bool) ([]byte, error) {
	query := url.Values{"url": {target}}
	if fresh {
		query.Set("fresh", "1")
	}
	return c.Ask(ctx, namespace, http.MethodGet, "call", query)
}

// Ask asks the load generator itself: a path such as "stats", with a query. The
// API server reaches it by itself, past all Services.
func (c *Cluster) Ask(ctx context.Context, namespace, verb, path string, query url.Values) ([]byte, error) {
	request := c.Kube.CoreV1().RESTClient().Verb(verb).Namespace(namespace).Resource("services").Name("loadgen:http").SubResource("proxy").Suffix(path)
	for name, values := range query {
		for _, value := range values {
			request = request.Param(name, value)
		}
	}
	answer, err := request.Do(ctx).Raw()
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		err = fmt.Errorf("%w: %s", err, answer)
	}
	return answer, err
}
