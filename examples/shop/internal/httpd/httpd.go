// Package httpd is what the shop's services have in common: they answer JSON,
// say who they are, and end gracefully.
package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	// headerTimeout bounds how long a caller may take to say what it wants.
	headerTimeout = 10 * time.Second
	// endTimeout bounds how long requests under way may take at the end.
	endTimeout = 5 * time.Second
)

// Run serves until SIGTERM, then lets the requests under way finish. Every
// service tells at /healthz that it is there, and who it is.
func Run(name, address string, handler http.Handler) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := listenAndServe(ctx, name, address, handler)
	stop()
	if err != nil {
		slog.Error(name, "error", err)
		os.Exit(1)
	}
}

func listenAndServe(ctx context.Context, name, address string, handler http.Handler) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	slog.Info(name, "listening", listener.Addr().String())
	return serve(ctx, listener, handler)
}

// serve ends when ctx does, and all that is under way is answered.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := server.Shutdown(end)
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// Healthy answers at /healthz.
func Healthy(w http.ResponseWriter, _ *http.Request) {
	JSON(w, map[string]string{"servedBy": Host()})
}

// JSON answers with a value.
func JSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Warn("answer", "error", err)
	}
}

// Env is an environment variable, or its default.
func Env(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}

// Host is the name of the machine or pod that this runs on.
func Host() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
