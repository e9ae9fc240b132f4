package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/kubetunnel/kubetunnel/protocol"
)

// The subjects of an examination, in a diagnostic's field.
const (
	subjectSandbox   = "sandbox"
	subjectNetwork   = "sandbox network"
	subjectProcesses = "sandbox processes"
)

// Examine tells what a session's sandbox would be on this machine, why, and what
// would make a better one: each finding about the subject that its field names.
// Findings of severity info are as they should be. It tries.
func Examine(ctx context.Context, asked Mode) []protocol.Diagnostic {
	switch asked {
	case ModeLoopback:
		return []protocol.Diagnostic{simpler(ModeVariable+"="+string(ModeLoopback)+" asks for it.", protocol.Fix{Title: "Unset " + ModeVariable + " for the pod's own network and files"})}
	case "", ModeNamespaces:
	default:
		return []protocol.Diagnostic{protocol.Errorf(protocol.CodeSandboxFailed, "there is no mode %q", asked).
			WithFix(protocol.Fix{Title: "Unset " + ModeVariable}).Diagnostic(protocol.SeverityError, subjectSandbox)}
	}
	made, err := try(ctx)
	if err == nil {
		return judgeTrial(made)
	}
	var unavailable *UnavailableError
	if !errors.As(err, &unavailable) {
		return []protocol.Diagnostic{protocol.Errorf(protocol.CodeSandboxFailed, "namespaces could not be tried: %w", err).Diagnostic(protocol.SeverityError, subjectSandbox)}
	}
	fix := protocol.Fix{Title: unavailable.Fix, Command: unavailable.Command}
	if asked == ModeNamespaces {
		return []protocol.Diagnostic{protocol.Errorf(protocol.CodeSandboxFailed, "%w", err).WithFix(fix).Diagnostic(protocol.SeverityError, subjectSandbox)}
	}
	return []protocol.Diagnostic{simpler(unavailable.because(), fix)}
}

// simpler is the finding that it would be mode loopback.
func simpler(reason string, fix protocol.Fix) protocol.Diagnostic {
	e := protocol.Errorf(protocol.CodeSandboxLimit, "mode %s: the cluster is reached through proxies, and the pod's files are below %s. %s", ModeLoopback, RootVariable, reason)
	if fix.Title != "" {
		e = e.WithFix(fix)
	}
	return e.Diagnostic(protocol.SeverityWarning, subjectSandbox)
}

// judgeTrial looks at namespaces that work for what could be better.
func judgeTrial(made trial) []protocol.Diagnostic {
	found := []protocol.Diagnostic{fine(subjectSandbox, fmt.Sprintf("mode %s: the pod's own network, names and files, without root", ModeNamespaces))}
	if made.whyNoTUN == nil {
		found = append(found, fine(subjectNetwork, "a TUN device"))
	} else {
		fix := protocol.Fix{Title: "Let your user open /dev/net/tun, as most distributions do; a container needs --device /dev/net/tun", Command: "sudo chmod 0666 /dev/net/tun"}
		if errors.Is(made.whyNoTUN, fs.ErrNotExist) {
			fix = protocol.Fix{Title: "Load the kernel's module for it; a container needs --device /dev/net/tun", Command: "sudo modprobe tun"}
		}
		found = append(found, protocol.Errorf(protocol.CodeSandboxLimit, "a pair of virtual Ethernet links, which moves less than a TUN device: %w", made.whyNoTUN).
			WithFix(fix).Diagnostic(protocol.SeverityWarning, subjectNetwork))
	}
	if made.pidNamespace {
		return append(found, fine(subjectProcesses, "in a namespace of their own, which ends all of them with the session"))
	}
	return append(found, protocol.Errorf(protocol.CodeSandboxLimit, "a fresh /proc is refused here, as in most containers: processes of the session see those of the workstation and have its numbers").
		WithFix(protocol.Fix{Title: "Start the container with --security-opt systempaths=unconfined, if that matters to you"}).
		Diagnostic(protocol.SeverityWarning, subjectProcesses))
}

func fine(subject, message string) protocol.Diagnostic {
	return protocol.Diagnostic{Severity: protocol.SeverityInfo, Message: message, Field: subject}
}
