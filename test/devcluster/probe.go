package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/test/devcluster/internal/host"
)

// health is where a component tells, on its node, that it works.
type health struct {
	url string
	// says is something that must be in the answer.
	says string
}

var healthOf = map[string]health{
	// It answers well before its controllers are made, and ends when the API server
	// fails it in between: then they are not among its checks yet.
	"controller-manager": {"https://127.0.0.1:10257/healthz?verbose", "serviceaccount-controller ok"},
	"scheduler":          {"https://127.0.0.1:10259/readyz", ""},
	"kubelet":            {"http://127.0.0.1:10248/healthz", ""},
	"proxy":              {"http://127.0.0.1:10256/healthz", ""},
}

// waitHealthy waits until a component answers that it works.
func waitHealthy(ctx context.Context, holder int, h health, died func() error) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return host.DialIn(ctx, holder, address)
		},
		// It signs its certificate itself, and nobody else is on its loopback.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		DisableKeepAlives: true,
	}}
	return host.Poll(ctx, 50*time.Millisecond, func() (pending, fatal error) {
		return probe(ctx, client, h), died()
	})
}

func probe(ctx context.Context, client *http.Client, h health) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", h.url, resp.Status)
	}
	if !strings.Contains(string(answer), h.says) {
		return fmt.Errorf("%s does not say %q yet", h.url, h.says)
	}
	return nil
}
