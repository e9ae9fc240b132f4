//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
)

// NewNamespaces tells that this system has none.
func NewNamespaces(context.Context, Config, *slog.Logger) (Sandbox, error) {
	return nil, noNamespaces()
}

func try(context.Context) (trial, error) { return trial{}, noNamespaces() }

func noNamespaces() error {
	return &UnavailableError{
		Mode: ModeNamespaces, Step: "namespaces on " + runtime.GOOS, Err: errors.ErrUnsupported,
		Reason: "only Linux has network namespaces", Fix: "On Windows, WSL2 gives them; elsewhere a Linux VM or dev container.",
	}
}
