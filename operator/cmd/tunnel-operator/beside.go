package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	nowhere        = "0"
	requestTimeout = 10 * time.Second
)

// serveBeside serves health and metrics while act runs, also while this operator
// stands by. Its goroutines are the servers', and have ended when it returns.
func serveBeside(ctx context.Context, config *rest.Config, health, metrics string, act func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	group, ctx := errgroup.WithContext(ctx)
	ready := func() bool { return true }
	if metrics != nowhere {
		server, err := newMetrics(config, metrics)
		if err != nil {
			return err
		}
		ready = func() bool { return listens(server) }
		group.Go(func() error { return server.Start(ctx) })
	}
	if health != nowhere {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", health)
		if err != nil {
			return fmt.Errorf("serve health: %w", err)
		}
		group.Go(func() error { return serveHealth(ctx, listener, ready) })
	}
	group.Go(func() error {
		defer end()
		return act(ctx)
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// listens tells whether a server of metrics can be called: it makes two RSA keys first,
// which may take seconds.
func listens(server metricsserver.Server) bool {
	at, tells := server.(interface{ GetBindAddr() string })
	return !tells || at.GetBindAddr() != ""
}

// serveHealth says that the process lives, and that all it serves can be called. One that
// stands by is ready too: it is there to take over.
func serveHealth(ctx context.Context, listener net.Listener, ready func() bool) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(w, "metrics are not served yet", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: requestTimeout}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health: %w", err)
	}
	return nil
}

// newMetrics is a server with a certificate that it makes for itself, for whom the
// cluster lets get /metrics.
func newMetrics(config *rest.Config, address string) (metricsserver.Server, error) {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	server, err := metricsserver.NewServer(metricsserver.Options{
		BindAddress: address, SecureServing: true,
		FilterProvider: func(*rest.Config, *http.Client) (metricsserver.Filter, error) {
			return (&doorman{
				tokens: clients.AuthenticationV1().TokenReviews(), access: clients.AuthorizationV1().SubjectAccessReviews(),
				slots: make(chan struct{}, maxReviews),
			}).filter, nil
		},
	}, config, http.DefaultClient)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	return server, nil
}
