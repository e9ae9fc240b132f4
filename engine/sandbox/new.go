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

// trial is how namespaces are made on this machine.
type trial struct {
	pidNamespace bool
	// device is the pod's link; whyNoTUN is set when it is not the better one.
	device   string
	whyNoTUN error
}

// Probe tells whether namespaces work here, by making them as a session does.
func Probe(ctx context.Context) error {
	_, err := try(ctx)
	return err
}

// Description is what is known of a sandbox before there is one.
type Description struct {
	Mode Mode
	// Reason says why it is not a more faithful mode.
	Reason string
	// Limits are sentences about what does not work in it.
	Limits []string
}

// Describe tells what New makes on this machine when a mode is asked for, or none. It tries.
func Describe(ctx context.Context, asked Mode) Description {
	if asked == ModeLoopback {
		return Description{Mode: ModeLoopback, Limits: loopbackLimits()}
	}
	err := Probe(ctx)
	var unavailable *UnavailableError
	switch {
	case err == nil:
		return Description{Mode: ModeNamespaces, Limits: namespacesLimits()}
	case errors.As(err, &unavailable):
		return Description{Mode: ModeLoopback, Reason: sentence(unavailable), Limits: loopbackLimits()}
	default:
		return Description{Mode: ModeLoopback, Reason: "Namespaces could not be tried: " + err.Error(), Limits: loopbackLimits()}
	}
}

func sentence(e *UnavailableError) string {
	text := "The pod's own network and files are not to be had here: " + e.because()
	if advice := e.advice(); advice != "" {
		text += " " + advice
	}
	return text
}
