package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// New makes the most faithful sandbox that this machine can give: namespaces where
// they work, else loopback, whose limits say why.
func New(ctx context.Context, cfg Config, log *slog.Logger) (Sandbox, error) {
	switch {
	case cfg.Mode == ModeLoopback:
		return NewLoopback(ctx, cfg, log)
	case cfg.Mode != "" && cfg.Mode != ModeNamespaces:
		return nil, fmt.Errorf("there is no mode %q", cfg.Mode)
	}
	box, err := NewNamespaces(ctx, cfg, log)
	var unavailable *UnavailableError
	if err == nil || cfg.Mode == ModeNamespaces || !errors.As(err, &unavailable) {
		return box, err
	}
	if log != nil {
		log.Warn("the sandbox is a simpler one", "error", err)
	}
	b, err := newLoopback(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	b.reason = sentence(unavailable)
	return b, nil
}

// Describe tells the mode that New chooses on this machine and its limits, before
// there is a session. It tries.
func Describe(ctx context.Context) (Mode, []string) {
	err := Probe(ctx)
	var unavailable *UnavailableError
	switch {
	case err == nil:
		return ModeNamespaces, namespacesLimits()
	case errors.As(err, &unavailable):
		return ModeLoopback, append([]string{sentence(unavailable)}, loopbackLimits()...)
	default:
		return ModeLoopback, append([]string{"Namespaces could not be tried: " + err.Error()}, loopbackLimits()...)
	}
}

func sentence(e *UnavailableError) string {
	text := "The pod's own network and files are not to be had here: " + e.Step + ": " + e.Err.Error() + "."
	if e.Reason != "" {
		text += " The cause: " + e.Reason + "."
	}
	if e.Fix != "" {
		text += " " + e.Fix
	}
	return text
}
