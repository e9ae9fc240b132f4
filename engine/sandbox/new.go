package sandbox

import (
	"context"
	"log/slog"
)

// New makes the most faithful sandbox that this machine can give.
func New(ctx context.Context, cfg Config, log *slog.Logger) (Sandbox, error) {
	return NewLoopback(ctx, cfg, log)
}

// Describe tells the mode that New chooses on this machine and its limits, before
// there is a session.
func Describe() (Mode, []string) { return ModeLoopback, loopbackLimits() }
