package main

import (
	"context"
	"os"

	"github.com/kubetunnel/kubetunnel/engine/debug"
	"github.com/kubetunnel/kubetunnel/engine/private"
	"github.com/kubetunnel/kubetunnel/engine/sandbox"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// Examine joins what the rooms find on this machine and in the cluster.
func (b *backend) Examine(ctx context.Context, target protocol.Target) []protocol.Diagnostic {
	found := []protocol.Diagnostic{examineFolder()}
	sandboxCtx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found = append(found, sandbox.Examine(sandboxCtx, askedMode())...)
	found = append(found, debug.Examine(ctx)...)
	return append(found, b.kubeconfig.Examine(ctx, target)...)
}

// examineFolder tries whether a session's files have a place.
func examineFolder() protocol.Diagnostic {
	const subject = "private folder"
	folder, err := private.New()
	if err == nil {
		err = folder.Remove()
	}
	if err != nil {
		return protocol.Errorf(protocol.CodeSandboxFailed, "a session's folder can't be made: %w", err).
			WithFix(protocol.Fix{Title: "Make room there, or set TMPDIR to a folder that your user can write"}).
			Diagnostic(protocol.SeverityError, subject)
	}
	return protocol.Diagnostic{Severity: protocol.SeverityInfo, Message: "below " + os.TempDir(), Field: subject}
}
