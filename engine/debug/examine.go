package debug

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// versionTime bounds how long an adapter may take to tell its version.
const versionTime = 10 * time.Second

// Examine looks for the debug adapters that a session would start: a finding for
// each, about "adapter TYPE". One of severity info is found; a missing one keeps only
// sessions of its own type from starting.
func Examine(ctx context.Context) []protocol.Diagnostic {
	env := os.Environ()
	var found []protocol.Diagnostic
	for _, a := range registry() {
		if a.mode != protocol.ModeProxy || a.name == commandType {
			continue // it lives in the editor, or is named by each configuration
		}
		found = append(found, a.examine(ctx, env))
	}
	return found
}

func (a *adapter) examine(ctx context.Context, env []string) protocol.Diagnostic {
	subject := "adapter " + a.name
	args, missing := a.find(&config{values: map[string]json.RawMessage{}}, env)
	if missing != nil {
		return missing.Diagnostic(protocol.SeverityWarning, subject)
	}
	message := args[0]
	if len(a.versionArgs) > 0 {
		version, err := askVersion(ctx, args[0], a.versionArgs, env)
		if err != nil {
			return protocol.Errorf(protocol.CodeAdapterFailed, "%s does not tell its version: %w", args[0], err).Diagnostic(protocol.SeverityWarning, subject)
		}
		message = fmt.Sprintf("%s %s, at %s", filepath.Base(args[0]), strings.TrimPrefix(version, "Version: "), args[0])
	}
	return protocol.Diagnostic{Severity: protocol.SeverityInfo, Message: message, Field: subject}
}

// askVersion gives the first line of a program's answer with a version in it.
func askVersion(ctx context.Context, program string, args, env []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the adapter that a session would start
	cmd.Env = env
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		if strings.ContainsAny(line, "0123456789") {
			return strings.TrimSpace(line), nil
		}
	}
	return "", fmt.Errorf("it says %q", out)
}
