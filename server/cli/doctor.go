package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubetunnel/kubetunnel/packaging/apparmor"
	"github.com/kubetunnel/kubetunnel/protocol"
)

// examination is the answer of doctor, as JSON has it.
type examination struct {
	Version string `json:"version"`
	System  string `json:"system"`
	// Ready: a session could start.
	Ready bool `json:"ready"`
	// Findings are about the subject that field names; those of severity info are all right.
	Findings []protocol.Diagnostic `json:"findings"`
}

func (a *app) doctorCommand() *cobra.Command {
	var target protocol.Target
	var service, output string
	var profile bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "what a session would find on this machine and in the cluster, and what to change",
		Long: "doctor tries what a session needs, and changes nothing. Its exit code is 0 if a session could start:\n" +
			"  ✓ as it should be   ! a session starts, with less   ✗ no session starts",
		Args: takes(cobra.NoArgs),
	}
	cmd.Flags().StringVarP(&target.Namespace, "namespace", "n", "", "namespace (default: the context's)")
	cmd.Flags().StringVar(&service, "service", "", "look at this Service too: NAME or NAMESPACE/NAME")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVar(&profile, "apparmor-profile", false, "print the AppArmor profile that lets this program make user namespaces, and nothing else")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if profile {
			return printProfile(a.Streams.Out)
		}
		if output != "text" && output != "json" {
			return usageError{fmt.Errorf("--output %s: want text or json", output)}
		}
		if service != "" {
			namespace, name, err := splitService(service)
			if err != nil {
				return err
			}
			target.Service = name
			if namespace != "" {
				target.Namespace = namespace
			}
		}
		target.Context = a.kubeContext
		return a.with(cmd.Context(), nil, func(ctx context.Context, b Backend, _ *slog.Logger) error {
			return a.doctor(b.Examine(ctx, target), output == "json")
		})
	}
	return cmd
}

func (a *app) doctor(found []protocol.Diagnostic, asJSON bool) error {
	ready := !slices.ContainsFunc(found, func(d protocol.Diagnostic) bool { return d.Severity == protocol.SeverityError })
	if asJSON {
		e := json.NewEncoder(a.Streams.Out)
		e.SetIndent("", "  ")
		if err := e.Encode(examination{Version: a.Version, System: runtime.GOOS + "/" + runtime.GOARCH, Ready: ready, Findings: found}); err != nil {
			return err
		}
	} else {
		printFindings(a.Streams.Out, found, ready)
	}
	if !ready {
		return exitCode(1)
	}
	return nil
}

// marks are what a finding's severity looks like.
var marks = map[protocol.Severity]string{protocol.SeverityInfo: "✓", protocol.SeverityWarning: "!", protocol.SeverityError: "✗"}

func printFindings(out io.Writer, found []protocol.Diagnostic, ready bool) {
	width := 0
	for _, d := range found {
		width = max(width, len(d.Field))
	}
	for _, d := range found {
		code := ""
		if d.Code > 0 {
			code = fmt.Sprintf("KT%d: ", d.Code)
		}
		fmt.Fprintf(out, "%s %-*s  %s%s\n", marks[d.Severity], width, d.Field, code, d.Message)
		explainFix(out, d.Fix)
	}
	if ready {
		fmt.Fprintln(out, "\na session can start")
	} else {
		fmt.Fprintln(out, "\nno session can start until what is marked ✗ is mended")
	}
}

// printProfile prints the profile for the file that this process was started from.
func printProfile(out io.Writer) error {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program) // the kernel goes by the file itself
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, apparmor.Profile(program))
	return err
}
